"""What a client may send, how slowly, and how many of them at once."""

from dataclasses import dataclass

from serving.runtime.metrics import ServingMetrics


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Limits of each connection, and of all connections of one process."""

    header_bytes: int
    """Of the request line and all headers together; half of it for the request line."""
    header_seconds: float
    """From the connection, or the first byte of a later request, to the end of the headers."""
    connections: int
    """Beyond it a few more are taken for as long as one request needs, mostly to say so."""
    send_seconds: float
    """An answer that its client does not take for so long is given up."""
    dropped_bytes: int
    """What is read and thrown away of a body that was answered before it had come in."""
    dropped_seconds: float
    headers: int = 100
    """Lines; more are refused."""


@dataclass(frozen=True, slots=True)
class Edge:
    """What each connection of a process needs to know; it stands in the state of the lifespan."""

    limits: ConnectionLimits
    metrics: ServingMetrics
