"""The versions of the schema, which Alembic applies in order.

A change of the schema is a new file in `versions`, named by the next number:
``0002_teams.py`` with ``revision = "0002"`` and ``down_revision = "0001"``.
"""
