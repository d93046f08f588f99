"""Stop the `tandem up` of this folder."""

import psutil

from domain.errors import StackError
from stack.cli.preparing import prepare
from stack.local.home import UP, find_owner
from stack.local.supervision.leftovers import end_leftovers
from stack.local.supervision.state import find_state
from stack.terminal import Terminal

PATIENCE_SECONDS = 120.0


def command() -> None:
    """Exit code 0 once nothing runs, also if nothing ran before."""
    _, home = prepare()
    terminal = Terminal()
    owner = find_owner(home)
    if owner is None:
        left = end_leftovers(find_state(home.state_file))
        terminal.say(f"left over, ended: {', '.join(left)}" if left else "Tandem does not run.")
        return
    pid, name = owner
    if name != UP:
        raise StackError(f"Tandem is not up; {name} (pid {pid}) works in {home.directory}.")
    with terminal.step("stopped"):
        _end(pid)


def _end(pid: int) -> None:
    try:
        process = psutil.Process(pid)
        process.terminate()
        process.wait(PATIENCE_SECONDS)
    except psutil.NoSuchProcess:
        return
    except psutil.TimeoutExpired as error:
        raise StackError(f"Tandem (pid {pid}) has not ended yet; see its terminal.") from error
