"""Nights without the wait for imports: `python -m tests.chaos.night_server`.

For each line of standard input, a JSON object of environment variables, a process is forked that
runs a night and reports its steps as `stack.local.flow_runs.nightly_entry_point` does. `{"pid"}`
comes before, `{"code"}` after it, negative if a signal ended it.
"""

import json
import os
import signal
import sys

from stack.local.flow_runs.nightly_entry_point import main as run_night
from stack.local.servers.child_process import ending_with_parent


def main() -> None:
    """One night a line, one after the other, until standard input ends."""
    for line in sys.stdin:
        ending = ending_with_parent(signal.SIGKILL)
        pid = os.fork()
        if pid == 0:
            _be_the_night(json.loads(line), ending)
        _write_message(pid=pid)
        _, status = os.waitpid(pid, 0)
        _write_message(code=os.waitstatus_to_exitcode(status))


def _be_the_night(environment: dict[str, str], ending: dict[str, object]) -> None:
    """Run the night in this forked process and end it."""
    code = 1
    try:
        ask_for_end = ending.get("preexec_fn")
        if callable(ask_for_end):
            ask_for_end()
        # What the night starts is ended with it.
        os.setsid()
        os.environ.update(environment)
        code = run_night()
    finally:
        sys.stderr.flush()
        # Not the interpreter's end: that would read on where the parent reads.
        os._exit(code)


def _write_message(**message: int) -> None:
    sys.stdout.write(f"{json.dumps(message)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
