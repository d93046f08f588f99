"""How long a write waits for requests that are likely to join it, as PostgreSQL's commit_delay."""

import time
from typing import Final

_SHARE: Final = 0.5
"""Of the time that the last write took."""
_LONGEST_SECONDS: Final = 0.005
_FADING: Final = 0.8


class Gathering:
    """Knows how many requests there were at once lately; who is alone waits for nobody.

    Clients that send one event after another come back together once their events are written. The
    first of them, written at once, would be a write of its own, and cost as much as all others.
    """

    def __init__(self) -> None:
        self._expected = 0.0
        self._begun_at = 0.0
        self._write_seconds = 0.0

    def note_begun(self, at_hand: int) -> None:
        """A write begins, while so many requests wait, are written or are made known."""
        self._begun_at = time.monotonic()
        self._expected = max(at_hand, self._expected * _FADING)

    def note_committed(self) -> None:
        """The write has ended."""
        self._write_seconds = time.monotonic() - self._begun_at

    def seconds(self, waiting: int) -> float:
        """How long a write waits for others to join these; 0: not at all."""
        if waiting >= int(self._expected):
            return 0.0
        return min(_SHARE * self._write_seconds, _LONGEST_SECONDS)
