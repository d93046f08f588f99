"""How much one pass takes on, so that it ends soon: whoever comes meanwhile waits for it."""

from dataclasses import dataclass


@dataclass(slots=True)
class Pace:
    """The size of the next pass of some work, by how long those before took."""

    size: int
    fewest: int
    most: int
    seconds: float
    """About so long a pass takes."""

    def note(self, seconds: float) -> None:
        """A pass of this size took so long: the next one is twice or half the size, or the same."""
        if seconds > 2 * self.seconds:
            self.size = max(self.size // 2, self.fewest)
        elif seconds < self.seconds:
            self.size = min(2 * self.size, self.most)
