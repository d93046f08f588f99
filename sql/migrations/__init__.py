"""Alembic's environment: every revision is hand-written SQL; what only adds has a way back."""
