"""The code that touches PostgreSQL and Redis, beside sources of candidates. Knows no policy."""
