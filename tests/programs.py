"""Programs that tests start: each ends with its block, and nobody waits for one without an end."""

import select
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

LONGEST_SECONDS = 120.0
"""For what takes a moment: a program that was killed ends, one that was started says so."""


@contextmanager
def program(command: Sequence[str | Path], **options: Any) -> "Iterator[subprocess.Popen[Any]]":
    """A program for the time of the block, which may end sooner; options of `subprocess.Popen`.

    The block of `Popen` itself waits for the end of the program, whatever has failed inside it.
    """
    process = subprocess.Popen(command, **options)
    try:
        yield process
    finally:
        end(process)


def printed_by(code: str) -> str:
    """What Python prints of this code in a process of its own, which must end well."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        timeout=LONGEST_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def end(process: "subprocess.Popen[Any]") -> None:
    """Kill the program if it still runs, and read no further."""
    process.kill()
    process.wait(LONGEST_SECONDS)
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with suppress(BrokenPipeError):
                pipe.close()


def next_line(process: "subprocess.Popen[str]", *, seconds: float = LONGEST_SECONDS) -> str:
    """What a program writes next to its pipe, a line at a time."""
    assert process.stdout is not None
    readable, _, _ = select.select([process.stdout], [], [], seconds)
    assert readable, "the program has written nothing"
    return process.stdout.readline()
