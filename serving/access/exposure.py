"""Who may see what needs no key by itself: the documentation and the metrics."""

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal

Openness = Literal["auto", "open", "admin", "off"]


@dataclass(frozen=True, slots=True)
class Exposure:
    """To whom each is shown."""

    docs: Openness
    metrics: Openness


def resolved(openness: Openness, host: str) -> Openness:
    """What `auto` is: open on a server that only this machine reaches, else for admin keys."""
    if openness != "auto":
        return openness
    return "open" if _is_loopback(host) else "admin"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
