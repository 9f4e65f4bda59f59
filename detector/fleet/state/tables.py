"""The tables of the state, for queries; `migrations/` creates them.

Instants are ISO 8601 strings in UTC with whole seconds: they sort, and both
databases agree on them. A set of object ids is one value of sorted bytes.
"""

from __future__ import annotations

from sqlalchemy import (  # noqa: TID253  (this module is itself imported late)
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

from detector.fleet.state.run_status import RunStatus

metadata = MetaData()

settings = Table(
    "settings",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

rulesets = Table(
    "rulesets",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("digest", Text, nullable=False, unique=True),
    Column("rules", Text, nullable=False),
    Column("used_at", Text, nullable=False),
)
"""`rules` maps each rule to its digest, as JSON."""

objects_read = Table(
    "objects_read",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("ruleset_id", Integer, ForeignKey("rulesets.id", ondelete="CASCADE"), nullable=False),
    Column("id_bytes", Integer, nullable=False),
    Column("level", Integer, nullable=False),
    Column("bits", Integer, nullable=False),
    Column("prefix", Integer, nullable=False),
    Column("count", Integer, nullable=False),
    Column("ids", LargeBinary, nullable=False),
    Index("objects_read_lookup", "ruleset_id", "id_bytes", "level", "prefix"),
)
"""Objects that were read under a rule set and contain no finding: level 0 as added, level 1 merged, by id prefix."""

runs = Table(
    "runs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("ruleset_id", Integer, ForeignKey("rulesets.id", ondelete="SET NULL")),
    Column("started", Text, nullable=False),
    Column("ended", Text, nullable=False, default=""),
    Column("host", Text, nullable=False, default=""),
    Column("status", Text, nullable=False, default=RunStatus.RUNNING.value),
    Column("counters", Text, nullable=False, default="{}"),
)

repositories = Table(
    "repositories",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("url", Text, nullable=False, default=""),
    Column("kind", Text, nullable=False, default=""),
    Column("archived", Boolean, nullable=False, default=False),
    Column("fork", Boolean, nullable=False, default=False),
    Column("default_branch", Text, nullable=False, default=""),
    Column("version", Text, nullable=False, default=""),
    Column("state_digest", Text, nullable=False, default=""),
    Column("recheck_on", Text, nullable=False, default=""),
    Column("ruleset_id", Integer, ForeignKey("rulesets.id", ondelete="SET NULL")),
    Column("packs", LargeBinary, nullable=False, default=b""),
    Column("flagged", LargeBinary, nullable=False, default=b""),
    Column("revision", Integer, nullable=False, default=0),
    Column("complete", Boolean, nullable=False, default=False),
    Column("skipped", Text, nullable=False, default="[]"),
    Column("first_swept", Text, nullable=False, default=""),
    Column("changed_at", Text, nullable=False, default=""),
    Column("checked_at", Text, nullable=False, default=""),
    Column("run_id", Integer),
    Column("failures", Integer, nullable=False, default=0),
    Column("failure", Text, nullable=False, default=""),
    Column("failed_at", Text, nullable=False, default=""),
    Column("objects", Integer, nullable=False, default=0),
    Column("seconds", Float, nullable=False, default=0.0),
    Column("attributions", LargeBinary, nullable=False, default=b""),
    Column("spec", Text, nullable=False, default="", server_default=""),
    Column("lost_at", Text, nullable=False, default="", server_default=""),
    Column("left_out", Text, nullable=False, default="", server_default=""),
    Column("unread_since", Text, nullable=False, default="", server_default=""),
)
"""`state_digest` is that of the last result (survey.py); `revision` counts results.

`spec` listed the repository last; since `lost_at` it does not list it any more, or lists it but leaves it out as
`left_out` says. `unread_since` says since when the repository could not be read, or not completely.
"""

acknowledgements = Table(
    "acknowledgements",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("problem", Text, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("at", Text, nullable=False),
    Column("expires", Text, nullable=False),
)
"""Gaps of the coverage that somebody knows of (coverage.py)."""

findings = Table(
    "findings",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("repository_id", Integer, ForeignKey("repositories.id", ondelete="CASCADE"), nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("confidence", Text, nullable=False),
    Column("redacted", Text, nullable=False, default=""),
    Column("owner", Text, nullable=False, default=""),
    Column("verdict", Text, nullable=False, default=""),
    Column("state", Text, nullable=False),
    Column("at_head", Boolean, nullable=False),
    Column("first_seen", Text, nullable=False),
    Column("last_seen", Text, nullable=False),
    Column("opened", Text, nullable=False),
    Column("deadline", Text, nullable=False, default=""),
    Column("reason", Text, nullable=False, default=""),
    Column("resolved_by", Text, nullable=False, default=""),
    UniqueConstraint("repository_id", "fingerprint", name="findings_once"),
    Index("findings_fingerprint", "fingerprint"),
    Index("findings_state", "state", "deadline"),
)

locations = Table(
    "locations",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("finding_id", Integer, ForeignKey("findings.id", ondelete="CASCADE"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("object_id", Text, nullable=False, default=""),
    Column("commit_id", Text, nullable=False, default=""),
    Column("line", Integer, nullable=False),
    Column("column", Integer, nullable=False),
    Column("author", Text, nullable=False, default=""),
    Column("date", Text, nullable=False, default=""),
    Column("at_head", Boolean, nullable=False, default=False),
    Index("locations_finding", "finding_id"),
)

events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("finding_id", Integer, ForeignKey("findings.id", ondelete="CASCADE"), nullable=False),
    Column("run_id", Integer),
    Column("at", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("detail", Text, nullable=False, default=""),
    Column("actor", Text, nullable=False, default=""),
    Index("events_finding", "finding_id"),
    Index("events_run", "run_id"),
)
"""The history of each finding (lifecycle.py)."""
