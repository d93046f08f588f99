"""The API in processes forked from one that has imported it: what takes longest is done once."""

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

_FORKING = multiprocessing.get_context("forkserver")
_FORKING.set_forkserver_preload(["serving.__main__", __name__])


def serve(log: Path, environment: Mapping[str, str]) -> None:
    """What `python -m serving` does, in an environment and with a log of its own."""
    with log.open("wb") as output:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(output.fileno(), stream.fileno())
    os.environ.clear()
    os.environ.update(environment)
    # As late as in the process that this one was forked from: the same module, not a second one.
    from serving.__main__ import main  # noqa: PLC0415

    main()


class ForkedApi:
    """A running process, with what tests use of `subprocess.Popen`."""

    def __init__(self, log: Path, settings: Mapping[str, str]) -> None:
        environment = {**os.environ, **settings}
        self._process = _FORKING.Process(target=serve, args=(log, environment), name="api")
        self._process.start()

    @property
    def pid(self) -> int:
        """Its number."""
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        """The code it has ended with; None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float) -> int:
        """The code it ends with within so many seconds."""
        self._process.join(timeout)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired("serving", timeout)
        return code

    def send_signal(self, number: int) -> None:
        """Nothing happens if it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)
