"""The way to PostgreSQL: bounded connections, one statement at a time, a replica."""
