"""How the schema came to be, step by step; Alembic walks it.

A change of the schema is one new file in `versions`, named by the next number:
``0002_incidents.py`` with ``revision = "0002"`` and ``down_revision = "0001"``.
"""
