"""How much one pass takes on, so that it ends soon: whoever comes meanwhile waits for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from redis import RedisError
from sqlalchemy.exc import DBAPIError


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

    @contextmanager
    def halved_by_failures(self) -> Iterator[None]:
        """A pass that a store ended is half the size when it is tried again.

        It may have been ended because it took too long, and would be again.
        """
        try:
            yield
        except (DBAPIError, RedisError):
            self.size = max(self.size // 2, self.fewest)
            raise
