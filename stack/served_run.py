"""The run being served, as `tandem status` shows it.

Asked without SQLAlchemy: to load that takes longer than all the rest of the command.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row

from sql.query_files import codes, path_of

_CONNECTING: dict[str, Any] = {"connect_timeout": 2, "options": "-c timezone=UTC"}


@dataclass(frozen=True, slots=True)
class Lookup:
    """What the database answered of the run being served."""

    answers: bool | None = None
    """Whether the database answers; None: it was not asked."""
    run: dict[str, Any] | None = None
    """As `stack.runs.RunRecord` has it; None: there is none, or it is unknown."""
    fault: str | None = None
    """Why it is unknown, if it is not that the database does not answer."""


def look_up_served_run(database_url: str) -> Lookup:
    """The run being served; the address is in libpq's form."""
    answers = None
    try:
        with psycopg.connect(database_url, row_factory=dict_row, **_CONNECTING) as connection:
            answers = True
            run = connection.execute(codes(path_of("runs"))["find_live_run"].encode()).fetchone()
    except psycopg.OperationalError:
        return Lookup(answers=False)
    except psycopg.Error as error:
        # The database is well: what is asked of it, or its address, is at fault.
        return Lookup(answers, fault=str(error).partition("\n")[0])
    known = None if run is None else {name: _plain(value) for name, value in run.items()}
    return Lookup(answers, known)


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value
