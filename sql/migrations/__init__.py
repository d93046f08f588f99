"""Alembic's environment: every revision is hand-written SQL, and revisions only go forward."""
