"""Whether the ports of the stack are free, before anything is started."""

from collections.abc import Sequence
from dataclasses import dataclass

from domain.errors import StackError
from stack.local.ports import holder, is_free


class PortTakenError(StackError):
    """A port of the stack is taken or cannot be had."""


@dataclass(frozen=True, slots=True)
class NeededPort:
    """A port, what for, and how to choose another."""

    purpose: str
    host: str
    port: int
    variable: str


def check_ports(needed: Sequence[NeededPort]) -> None:
    """Raise PortTakenError if a port cannot be had; it names all such, holders and settings."""
    problems = [problem for port in needed if (problem := _problem(port)) is not None]
    if problems:
        raise PortTakenError("\n".join(problems))


def _problem(needed: NeededPort) -> str | None:
    where = f"Port {needed.port} on {needed.host}, for {needed.purpose},"
    change = f"Free it, or choose another with {needed.variable}."
    try:
        if is_free(needed.port, needed.host):
            return None
    except OSError as error:
        return f"{where} cannot be had: {error.strerror}. {change}"
    return f"{where} is taken by {holder(needed.port) or 'another program'}. {change}"
