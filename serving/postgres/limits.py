"""How much is asked of PostgreSQL at once, and for how long; of interest to who needs no driver."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """What one pool may have."""

    kept: int
    """Connections that stay open."""
    overflow: int
    """And so many more while all of those are in use."""
    waiting: int
    """How many may wait for a connection; others are refused."""
    statement_seconds: float
    """The server ends what takes longer."""
    connection_seconds: float = 3600.0
    slow_statement_seconds: float = 0.1
    silence_seconds: float | None = None
    """Nobody waits for a server that shows no sign of life for so long; None: all the same."""
    pooled: bool = False
    """Whether the address leads to a pooler that lends another session for every transaction."""


@dataclass(frozen=True, slots=True)
class StoreLimits:
    """How much is asked of PostgreSQL at once, and for how long."""

    connections: int = 20
    """For requests that read."""
    overflow_connections: int = 0
    """And so many more of them while all are in use."""
    write_connections: int = 4
    background_connections: int = 2
    waiting: int = 100
    """How many may wait for a connection of one kind."""
    read_seconds: float = 1.0
    silence_seconds: float | None = None
    """Who reads waits no longer than the server shows no sign of life; None: all the same."""
    write_seconds: float = 5.0
    wait_seconds: float = 2.0
    """For what is asked beside the requests."""
    connection_seconds: float = 3600.0
    slow_statement_seconds: float = 0.1
    pooled: bool = False

    def pool(
        self,
        kept: int,
        statement_seconds: float,
        *,
        overflow: int = 0,
        silence_seconds: float | None = None,
    ) -> PoolLimits:
        """Of the connections of one kind."""
        return PoolLimits(
            kept=kept,
            overflow=overflow,
            waiting=self.waiting,
            statement_seconds=statement_seconds,
            connection_seconds=self.connection_seconds,
            slow_statement_seconds=self.slow_statement_seconds,
            silence_seconds=silence_seconds,
            pooled=self.pooled,
        )
