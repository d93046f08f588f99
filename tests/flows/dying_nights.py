"""`python -m tests.flows.dying_nights STEP ...`: for each step a night that is killed as it begins.

Each night is a process of its own, and the number of the process is told before it starts. A step
that does not exist lets the night come to its end.
"""

import os
import signal
import sys

from flows.nightly import run_now


def main() -> None:
    """One night after the other, each killed where it was told to be."""
    for step in sys.argv[1:]:
        child = os.fork()
        if child == 0:
            _die_at(step)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        os.waitpid(child, 0)


def _die_at(step: str) -> None:
    def on_step(name: str, seconds: float | None) -> None:
        if name == step and seconds is None:
            os.kill(os.getpid(), signal.SIGKILL)

    try:
        run_now(on_step)
    finally:
        os._exit(1)


if __name__ == "__main__":
    main()
