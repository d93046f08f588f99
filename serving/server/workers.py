"""Several processes that answer on one socket; whichever ends or hangs is replaced at once.

The socket belongs to the parent, so connections wait in it, and are not refused, while a process is
being replaced. Where the system can fork, a new process has everything loaded from the beginning.
"""

import errno
import multiprocessing
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import connection
from multiprocessing.context import DefaultContext
from multiprocessing.process import BaseProcess
from typing import Any, Final

import structlog

log = structlog.get_logger()

_PATIENCE_SECONDS = 5.0
_AGAIN_SECONDS = 0.1

START_FAILED: Final = 3
_POLL_SECONDS: Final = 1.0
_LONGEST_PAUSE_SECONDS: Final = 30.0
_CONTEXT: DefaultContext = multiprocessing.get_context(  # type: ignore[assignment]
    "fork" if sys.platform == "linux" else "spawn"
)


@contextmanager
def listen(host: str, port: int) -> Iterator[socket.socket]:
    """The socket for the time of the block; SystemExit if the address cannot be had."""
    try:
        listener = _bound(host, port)
    except OSError as error:
        log.error("cannot_listen", host=host, port=port, error=str(error))  # noqa: TRY400
        sys.exit(1)
    with listener:
        log.info("listening", host=host, port=listener.getsockname()[1])
        yield listener


def _bound(host: str, port: int) -> socket.socket:
    """Wait a moment if it is taken: processes whose parent was killed are just ending."""
    ends_at = time.monotonic() + _PATIENCE_SECONDS
    while True:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(2048)
        except OSError as error:
            listener.close()
            if error.errno != errno.EADDRINUSE or time.monotonic() > ends_at:
                raise
            time.sleep(_AGAIN_SECONDS)
        else:
            return listener


Serve = Callable[[int, socket.socket, "Heart"], object]
"""Serves in a process of its own: its number, the socket, and where to say that it lives."""


class Heart:
    """How a process shows its parent that its event loop turns."""

    def __init__(self, sender: connection.Connection) -> None:
        self._pipe = sender
        self._parent = os.getpid()

    async def beat(self) -> None:
        """Say so; without a parent there is nobody to say it to, and the process stops."""
        if os.getppid() != self._parent:
            log.warning("parent_ended")
            signal.raise_signal(signal.SIGTERM)
        with suppress(OSError):
            os.write(self._pipe.fileno(), b".")

    def prepare(self) -> None:
        """In the new process: a parent that does not listen must not hold it up."""
        os.set_blocking(self._pipe.fileno(), False)


@dataclass(slots=True)
class _Worker:
    number: int
    process: BaseProcess
    receiver: connection.Connection
    began_at: float
    beat_at: float | None = None
    """None: it is still starting."""

    def note_beat(self) -> None:
        """Take note if it says that it lives."""
        with suppress(OSError):
            if os.read(self.receiver.fileno(), 4_096):
                self.beat_at = time.monotonic()

    def hangs(self, seconds: float, start_seconds: float) -> bool:
        """Whether it has not said so for so long, or in all the time it has to start."""
        now = time.monotonic()
        if self.beat_at is None:
            return now - self.began_at > start_seconds
        return now - self.beat_at > seconds


@dataclass(slots=True)
class Workers:
    """The parent."""

    serve: Serve
    listener: socket.socket
    count: int
    stop_seconds: float
    """What the processes are given to finish what is under way."""
    hung_seconds: float
    """A process whose event loop does not turn for so long is ended."""
    start_seconds: float = 120.0
    """So is one that does not serve so long after it was started."""
    _running: dict[int, _Worker] = field(default_factory=dict)
    _due: dict[int, float] = field(default_factory=dict)
    """When to start those that do not run."""
    _polled_at: float = field(default_factory=time.monotonic)
    _failures: int = 0
    _ever_ready: bool = False
    _stopping: bool = False

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT; the code to end with."""
        with _woken_by_signals(self._stop) as woken:
            self._due = {0: 0.0}
            while not self._stopping:
                self._start_due()
                self._wait(woken)
                if self._failures and not self._ever_ready:
                    return START_FAILED
            self._end_all()
        return 0

    def _stop(self) -> None:
        self._stopping = True

    def _start_due(self) -> None:
        now = time.monotonic()
        for number in [number for number, at in self._due.items() if at <= now]:
            del self._due[number]
            self._running[number] = self._started(number)

    def _started(self, number: int) -> _Worker:
        receiver, sender = _CONTEXT.Pipe(duplex=False)
        os.set_blocking(receiver.fileno(), False)
        arguments = (self.serve, number, self.listener, Heart(sender))
        process = _CONTEXT.Process(target=_work, args=arguments, daemon=True)
        process.start()
        sender.close()
        log.info("worker_started", number=number, pid=process.pid)
        return _Worker(number, process, receiver, time.monotonic())

    def _wait(self, woken: int) -> None:
        """Until something happens, or it is time to look whether something should have."""
        sources: list[Any] = [woken, *(worker.receiver for worker in self._running.values())]
        sources += [worker.process.sentinel for worker in self._running.values()]
        happened = connection.wait(sources, _POLL_SECONDS)
        if woken in happened:
            os.read(woken, 4_096)
        self._excuse()
        for worker in list(self._running.values()):
            if worker.receiver in happened:
                worker.note_beat()
            if worker.beat_at is not None and not self._ever_ready:
                # The first to be ready serves; the others must not slow its start down.
                self._ever_ready = True
                self._due |= dict.fromkeys(range(1, self.count), 0.0)
            if worker.hangs(self.hung_seconds, self.start_seconds):
                log.error("worker_hangs", number=worker.number, pid=worker.process.pid)
                worker.process.kill()
                worker.process.join()
            if not worker.process.is_alive():
                self._replace(worker)

    def _excuse(self) -> None:
        """Whoever was silent while this process was stopped too has not been silent."""
        now = time.monotonic()
        if now - self._polled_at > 2 * _POLL_SECONDS:
            for worker in self._running.values():
                worker.began_at = now
                if worker.beat_at is not None:
                    worker.beat_at = now
        self._polled_at = now

    def _replace(self, worker: _Worker) -> None:
        worker.process.join()
        code = worker.process.exitcode
        worker.receiver.close()
        del self._running[worker.number]
        if self._stopping:
            return
        self._failures = 0 if worker.beat_at is not None else self._failures + 1
        pause = min(2.0 ** (self._failures - 1), _LONGEST_PAUSE_SECONDS) if self._failures else 0.0
        log.error("worker_ended", number=worker.number, code=code, again_in_seconds=pause)
        self._due[worker.number] = time.monotonic() + pause

    def _end_all(self) -> None:
        workers = list(self._running.values())
        for worker in workers:
            worker.process.terminate()
        ends_at = time.monotonic() + self.stop_seconds
        for worker in workers:
            worker.process.join(max(ends_at - time.monotonic(), 0.0))
            if worker.process.is_alive():
                log.error("worker_does_not_stop", number=worker.number, pid=worker.process.pid)
                worker.process.kill()
                worker.process.join()


def _work(serve: Serve, number: int, listener: socket.socket, heart: Heart) -> None:
    # Until the server has handlers of its own, a signal must do what it does to any process.
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)
    heart.prepare()
    serve(number, listener, heart)


@contextmanager
def _woken_by_signals(stop: Callable[[], None]) -> Iterator[int]:
    """A descriptor that can be read after SIGTERM or SIGINT, which call `stop`."""
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop())
    before = signal.set_wakeup_fd(wake)
    try:
        yield woken
    finally:
        signal.set_wakeup_fd(before)
        os.close(woken)
        os.close(wake)
