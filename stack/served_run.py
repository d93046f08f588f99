"""The run being served, as `tandem status` tells it.

Asked without SQLAlchemy: to load that takes longer than all the rest of the command.
"""

from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row

from sql.statements import codes

_CONNECTING: dict[str, Any] = {"connect_timeout": 2, "options": "-c timezone=UTC"}


def look_up_served_run(database_url: str) -> tuple[bool, dict[str, Any] | None]:
    """Whether the database answers; and the run as `stack.runs.RunRecord` has it, None if unknown.

    The address is in libpq's form.
    """
    try:
        with psycopg.connect(database_url, row_factory=dict_row, **_CONNECTING) as connection:
            run = connection.execute(codes("stack")["find_live_run"].encode()).fetchone()
    except psycopg.Error:
        return False, None
    return True, None if run is None else {name: _plain(value) for name, value in run.items()}


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value
