"""What a run of chaos is asked for."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ChaosOptions:
    """How long, how much, from which seed."""

    seconds: float = 60.0
    """Of load and faults; making the system and checking it come on top."""
    seed: int = 1
    reads_per_second: float = 25.0
    events_per_second: float = 20.0
    users: int = 1_500
    """With a history before the load begins."""
    items: int = 500
    groups: int = 10
    """Of items that the same users like."""
    hosts: bool = False
    """Whether the stores are on one machine of a network and the API and speed workers on two
    others, with PgBouncer between."""
    night_pause_seconds: float = 3.0
    """Between the end of one night and the beginning of the next."""
