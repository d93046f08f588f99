"""Servers as foreground children: wait until they answer, stop them, end them with their parent."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import psutil

from domain.errors import StackError

POLL_SECONDS = 0.02
KILL_SECONDS = 10.0
REPORTED_LOG_LINES = 20
PR_SET_PDEATHSIG = 1

Escalation = Sequence[tuple[signal.Signals, float]]
"""Signals to send one after the other, each with the seconds to wait for its effect."""


class Server(Protocol):
    """How a server is started."""

    def command(self) -> list[str]:
        """The program and its arguments."""

    def popen_options(self) -> dict[str, Any]:
        """Options of `subprocess.Popen`."""


class ServerNotReadyError(StackError):
    """The server ended, or did not answer in time; the message carries the end of its log."""


def run_program(command: Sequence[str], **options: Any) -> None:
    """Run a short program to its end, with options of `subprocess.run`.

    Raises RuntimeError, with what it wrote to standard error, if it fails.
    """
    outcome = subprocess.run(  # noqa: S603 - our own command
        command, check=False, capture_output=True, text=True, **options
    )
    if outcome.returncode != 0:
        raise RuntimeError(f"{Path(command[0]).name} failed: {outcome.stderr.strip()}")


def wait_for_answer(
    name: str,
    refusal: Callable[[], str | None],
    process: subprocess.Popen[Any],
    *,
    timeout_seconds: float,
    log: Path | None,
) -> None:
    """Return as soon as `refusal()`, which tells why the server does not answer yet, is None.

    Raises ServerNotReadyError when the process ends or the time is over.
    """
    deadline = time.monotonic() + timeout_seconds
    while (reason := refusal()) is not None:
        if _ended_within(process, POLL_SECONDS):
            outcome = f"ended with code {process.returncode} before it answered"
        elif time.monotonic() > deadline:
            outcome = f"did not answer within {timeout_seconds:g} seconds ({reason})"
        else:
            continue
        raise ServerNotReadyError(f"{name} {outcome}.{_end_of(log)}")


@contextmanager
def running_child(
    server: Server, log: Path, escalation: Escalation
) -> Iterator[subprocess.Popen[Any]]:
    """Run a server for the time of the block; what it writes is put at the end of `log`."""
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - our own command
            server.command(), stdout=output, stderr=output, **server.popen_options()
        )
    try:
        yield process
    finally:
        stop_child(process, escalation)


def stop_child(process: subprocess.Popen[Any], escalation: Escalation) -> int:
    """Send the signals until the process ends, SIGKILL after the last; returns its exit code."""
    for signal_number, seconds in escalation:
        process.send_signal(signal_number)
        if _ended_within(process, seconds):
            return int(process.returncode)
    process.kill()
    return int(process.wait())


def stop_strays(directory: Path, program: str, escalation: Escalation) -> None:
    """End every process of the program that works in the directory.

    They are what a killed supervisor or server leaves behind. Only the topmost get the signals, so
    that a server ends its own children; SIGKILL goes to whatever is left. Raises RuntimeError if
    something survives even that.
    """
    for signal_number, seconds in escalation:
        _send(signal_number, _topmost(_processes_in(directory, program)))
        if _deserted_within(seconds, directory, program):
            return
    _send(signal.SIGKILL, _processes_in(directory, program))
    if not _deserted_within(KILL_SECONDS, directory, program):
        raise RuntimeError(f"a {program} of an earlier start in {directory} cannot be stopped")


def ending_with_parent(signal_number: signal.Signals) -> dict[str, Any]:
    """Make options of `subprocess.Popen` that signal the child when this process dies.

    It works whatever this process dies of, but on Linux only, and only for children started by the
    main thread, because the kernel watches the thread that forked; elsewhere there are no options.
    To be called in the process, and on the thread, that starts the child.
    """
    if sys.platform != "linux" or threading.current_thread() is not threading.main_thread():
        return {}
    # Found before the fork: the child could wait for ever for a lock of the linker, which a thread
    # that was importing has left locked in it.
    prctl = ctypes.CDLL(None).prctl
    return {"preexec_fn": partial(_ask_for_signal, prctl, os.getpid(), signal_number)}


def end_with_parent(parent: int, signal_number: signal.Signals) -> None:
    """The same for a process that is started by others' code: to be called in the child."""
    if sys.platform == "linux":
        _ask_for_signal(ctypes.CDLL(None).prctl, parent, signal_number)


def _ask_for_signal(
    prctl: Callable[[int, int], int], parent: int, signal_number: signal.Signals
) -> None:
    prctl(PR_SET_PDEATHSIG, int(signal_number))
    # The parent may have died between the fork and the line above.
    if os.getppid() != parent:
        os._exit(1)


def _ended_within(process: subprocess.Popen[Any], seconds: float) -> bool:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def _end_of(log: Path | None) -> str:
    if log is None or not log.exists():
        return ""
    lines = log.read_text(errors="replace").splitlines()[-REPORTED_LOG_LINES:]
    return "\n".join([f" The log {log} ends:", *lines])


def _processes_in(directory: Path, program: str) -> list[psutil.Process]:
    return [process for process in psutil.process_iter() if _works_in(process, directory, program)]


def _works_in(process: psutil.Process, directory: Path, program: str) -> bool:
    try:
        return process.name() == program and process.cwd() == str(directory)
    except psutil.Error:  # ended meanwhile, a zombie, or another user's
        return False


def _topmost(processes: list[psutil.Process]) -> list[psutil.Process]:
    numbers = {process.pid for process in processes}
    return [process for process in processes if _parent_number(process) not in numbers]


def _parent_number(process: psutil.Process) -> int | None:
    try:
        return process.ppid()
    except psutil.NoSuchProcess:
        return None


def _send(signal_number: signal.Signals, processes: list[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal_number)


def _deserted_within(seconds: float, directory: Path, program: str) -> bool:
    deadline = time.monotonic() + seconds
    while _processes_in(directory, program):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True
