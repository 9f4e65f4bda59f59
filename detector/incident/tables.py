"""The database tables of incidents, in the state of the fleet; its migrations create them.

The log holds everything about an incident. The other tables are the row that a writer
locks, and the delivered messages, so that none is sent twice.
"""

from __future__ import annotations

from sqlalchemy import (  # noqa: TID253  (this module is imported only where needed)
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
)

metadata = MetaData()

incidents = Table(
    "incidents",
    metadata,
    Column("id", Text, primary_key=True),
    Column("title", Text, nullable=False),
    Column("opened", Text, nullable=False),
    Column("lines", Integer, nullable=False, default=0),
    Column("head", Text, nullable=False, default=""),
)
"""`lines` and `head` are the number and hash of the last line of the log."""

incident_log = Table(
    "incident_log",
    metadata,
    Column("incident", Text, ForeignKey("incidents.id", ondelete="CASCADE"), primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("at", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("facts", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("prev", Text, nullable=False),
    Column("hash", Text, nullable=False),
)
"""`facts` is canonical JSON; each line contains the hash of the line before it."""

incident_searches = Table(
    "incident_searches",
    metadata,
    Column("incident", Text, ForeignKey("incidents.id", ondelete="CASCADE"), primary_key=True),
    Column("repository", Text, primary_key=True),
    Column("refs", Text, nullable=False),
)
"""The repositories that were searched for dependents, by key, with the refs that they had then."""

messages = Table(
    "messages",
    metadata,
    Column("destination", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("thread", Text, nullable=False),
    Column("continued", Text, nullable=False, default=""),
    Column("at", Float, nullable=False),
    Index("messages_thread", "destination", "thread"),
)
"""The messages that each destination accepted; `continued` is the receiver's id of the thread."""
