"""Machines on one network: namespaces of Linux, whose packets to one another can be lost."""

import ctypes
import os
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

_NAMESPACES = Path("/run/netns")
_CLONE_NEWNET = 0x40000000
_LONGEST_SECONDS = 180.0
"""Of a call on a machine: a lost packet must not keep a test for ever."""
_NOBODYS = "02:00:00:00:00:ff"
"""An address of Ethernet that no machine has."""

T = TypeVar("T")


@dataclass
class Host:
    """A machine with an address of its own; it shares files and processes with the others."""

    name: str
    address: str
    _calls: "SimpleQueue[tuple[Future[Any], Callable[[], Any]]]" = field(
        default_factory=SimpleQueue, repr=False
    )

    def start(self) -> None:
        """Let a thread in the namespace make the calls; nothing waits for its end."""
        Thread(target=self._make_calls, daemon=True).start()
        self.do(_enter, _NAMESPACES / self.name)

    def do(self, function: Callable[..., T], *arguments: Any, **named: Any) -> T:
        """Call a function on this machine: what it connects to or starts is here."""
        answer: Future[T] = Future()
        self._calls.put((answer, partial(function, *arguments, **named)))
        return answer.result(timeout=_LONGEST_SECONDS)

    def do_aside(self, function: Callable[..., T], *arguments: Any) -> T:
        """The same with a thread of its own, for what takes a while; no bound of time.

        A process it starts ends with the thread.
        """
        answer: Future[T] = Future()

        def work() -> None:
            try:
                _enter(_NAMESPACES / self.name)
                answer.set_result(function(*arguments))
            except BaseException as error:  # noqa: BLE001 -- raised to whoever waits
                answer.set_exception(error)

        Thread(target=work, daemon=True).start()
        return answer.result()

    def _make_calls(self) -> None:
        while True:
            answer, call = self._calls.get()
            try:
                answer.set_result(call())
            except BaseException as error:  # noqa: BLE001 -- raised to whoever waits
                answer.set_exception(error)


@contextmanager
def partition(first: Host, second: Host) -> Iterator[None]:
    """For the time of the block every packet between two machines is lost without a word."""
    ways = ((first, second), (second, first))
    for here, there in ways:
        nowhere = ["lladdr", _NOBODYS, "nud", "permanent"]
        _ip("-n", here.name, "neigh", "replace", there.address, "dev", "eth0", *nowhere)
    try:
        yield
    finally:
        for here, there in ways:
            _ip("-n", here.name, "neigh", "del", there.address, "dev", "eth0")


def _ip(*arguments: str) -> None:
    command = ["ip", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")


@contextmanager
def network(*names: str) -> Iterator[list[Host]]:
    """Machines for the time of the block; OSError where they cannot be made: Linux, as root."""
    with ExitStack() as stack:
        yield _made(stack, names)


def _made(stack: ExitStack, names: tuple[str, ...]) -> list[Host]:
    prefix = f"tandem-{os.getpid()}"
    switch = f"{prefix}-switch"
    _namespace(stack, switch)
    _ip("-n", switch, "link", "add", "bridge", "type", "bridge")
    _ip("-n", switch, "link", "set", "bridge", "up")
    hosts = []
    for number, name in enumerate(names, start=1):
        namespace, address = f"{prefix}-{name}", f"10.213.0.{number}"
        _namespace(stack, namespace)
        _plug_in(switch, f"port{number}", namespace, address)
        host = Host(namespace, address)
        host.start()
        hosts.append(host)
    return hosts


def _namespace(stack: ExitStack, name: str) -> None:
    _ip("netns", "add", name)
    stack.callback(_ip, "netns", "del", name)
    _ip("-n", name, "link", "set", "lo", "up")


def _plug_in(switch: str, port: str, namespace: str, address: str) -> None:
    """A cable from the switch."""
    peer = ["peer", "name", "eth0", "netns", namespace]
    _ip("link", "add", port, "netns", switch, "type", "veth", *peer)
    _ip("-n", switch, "link", "set", port, "master", "bridge", "up")
    _ip("-n", namespace, "address", "add", f"{address}/24", "dev", "eth0")
    _ip("-n", namespace, "link", "set", "eth0", "up")


def _enter(namespace: Path) -> None:
    """This thread, and what it starts, is in the namespace from now on."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = os.open(namespace, os.O_RDONLY)
    if libc.setns(descriptor, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), f"cannot enter {namespace}")
    os.close(descriptor)
