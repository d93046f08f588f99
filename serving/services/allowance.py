"""So much a second and no more."""

import time


class Allowance:
    """Lets `per_second` acts a second pass, and as many at once after a quiet second."""

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._left = per_second
        self._counted_at = time.monotonic()

    def take(self) -> bool:
        """Whether one more act is allowed now."""
        now = time.monotonic()
        refilled = self._left + (now - self._counted_at) * self._per_second
        self._left, self._counted_at = min(refilled, self._per_second), now
        if self._left < 1:
            return False
        self._left -= 1
        return True
