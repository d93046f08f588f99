"""The only code that touches PostgreSQL and Redis. Knows no policy."""
