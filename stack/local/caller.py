"""What a command takes from the environment it was called in, and what it leaves behind there."""

import os

from stack.local.home import Home, is_up
from stack.local.servers.libpq_environment import forget_libpq_variables
from stack.local.supervision.state import find_state
from stack.settings import StackSettings

_OWNER_ONLY = 0o077


def close_off(settings: StackSettings, home: Home) -> None:
    """Let nobody else read what this command and its children write, and talk to the right server.

    libpq's variables (PGHOST, PGSERVICE ...) are meant for servers of the caller's own: they count
    for the database of DATABASE_URL, and never for the embedded one.
    """
    os.umask(_OWNER_ONLY)
    if _database_is_embedded(settings, home):
        forget_libpq_variables()


def _database_is_embedded(settings: StackSettings, home: Home) -> bool:
    """Whether the database this command will work with is the embedded one."""
    state = find_state(home.state_file)
    if state is None or not is_up(home):
        return settings.database_url is None
    # Of a stack on somebody's own database the address is known from the beginning.
    return not state.database_url or "postgres" in state.processes
