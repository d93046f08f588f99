"""Programs that run once and end."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

from stack.local.servers.child_process import ending_with_parent, stop_child
from stack.local.supervision.background import in_thread
from stack.local.supervision.log_file import open_log
from stack.local.supervision.service import POLITE


async def run_python(
    arguments: list[str],
    environment: Mapping[str, str],
    log: Path,
    on_line: Callable[[str], object] = str,
    *,
    begin: Awaitable[object] | None = None,
) -> int:
    """The exit code of a Python program, which is stopped if the task is.

    Its standard error goes to the log; each line of its standard output to `on_line`, in a thread.
    With `begin` it is started all the same, and gets a line on its standard input after that. If it
    has ended by then, as for want of memory, it is started once more.
    """
    start = partial(_started, arguments, environment, log, is_notified=begin is not None)
    process = start()
    listening = asyncio.ensure_future(in_thread(partial(_listen, process, on_line)))
    try:
        if begin is not None:
            await begin
            if listening.done():
                process = start()
                listening = asyncio.ensure_future(in_thread(partial(_listen, process, on_line)))
            _notify(process)
        return await listening
    finally:
        listening.cancel()
        if process.returncode is None:
            stopping = asyncio.ensure_future(in_thread(partial(stop_child, process, POLITE)))
            await asyncio.shield(stopping)


def _started(
    arguments: list[str], environment: Mapping[str, str], log: Path, *, is_notified: bool
) -> subprocess.Popen[str]:
    with open_log(log) as output:
        return subprocess.Popen(  # noqa: S603 - our own commands
            [sys.executable, *arguments],
            stdin=subprocess.PIPE if is_notified else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=output,
            text=True,
            env=environment,
            start_new_session=True,
            **ending_with_parent(signal.SIGTERM),
        )


def _notify(process: subprocess.Popen[str]) -> None:
    # It may have ended; its exit code says so.
    with suppress(BrokenPipeError, ValueError):
        assert process.stdin is not None  # noqa: S101 -- it was asked for
        process.stdin.write("\n")
        process.stdin.flush()


def _listen(process: subprocess.Popen[str], on_line: Callable[[str], object]) -> int:
    with process:
        for line in process.stdout or ():
            on_line(line)
        return process.wait()
