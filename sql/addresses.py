"""How the database is reached, for who has no need of SQLAlchemy."""

LOADING_WORKER = "tandem-loading"
"""The name of the connections of the worker that loads what was uploaded."""


def libpq_url(database_url: str) -> str:
    """The address for libpq and what is built on it, whatever driver it named.

    Nothing else is touched: libpq, unlike SQLAlchemy, does not read `+` as a space.
    """
    return f"postgresql://{database_url.partition('://')[2]}"
