"""What the caller's environment tells libpq, which is meant for servers of the caller's own.

psycopg, ADBC and PostgreSQL's tools all read it: PGSERVICE or PGHOSTADDR would lead them elsewhere,
PGOPTIONS would change every session, PGREQUIREAUTH or PGSSLMODE refuse the embedded server.
"""

import os

_PREFIX = "PG"


def forget_libpq_variables() -> list[str]:
    """Remove libpq's variables from this process's environment and so from its children's.

    Answers their names. To be called before the embedded PostgreSQL is talked to.
    """
    names = sorted(name for name in os.environ if name.startswith(_PREFIX))
    for name in names:
        del os.environ[name]
    return names
