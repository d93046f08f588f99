"""A circuit breaker: a dependency that keeps failing is left alone, and tried again with care.

Pure: it is told what happened and asked what may be tried, and never waits. Why it is our own
stands in docs/decisions/0008.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NewType

State = Literal["closed", "half_open", "open"]

Admission = NewType("Admission", int)
"""A permission to call, given back with what came of it; it says since which change it is valid."""


@dataclass(frozen=True, slots=True)
class BreakerRules:
    """When a breaker opens, and how it closes again."""

    error_share: float = 0.5
    """It opens when so many of the calls within the window failed, in (0, 1]."""
    window_seconds: float = 60.0
    fewest_calls: int = 20
    """With fewer calls within the window their share says nothing."""
    errors_in_row: int = 5
    """It opens after so many failures without a success between them, too."""
    open_seconds: float = 30.0
    """It stays open for so long, unless a probe finds the dependency back before."""
    trial_share: float = 0.1
    """Half-open, it lets so much of the traffic through, in (0, 1]."""
    trial_successes: int = 3
    """It closes after so many successes, the probe that ended the opening among them."""


@dataclass(slots=True)
class _Second:
    """What came of the calls of one second."""

    second: int
    calls: int = 0
    errors: int = 0


class _Window:
    """Counts of calls and errors within the last seconds."""

    def __init__(self, seconds: float) -> None:
        self._length = seconds
        self._seconds: deque[_Second] = deque()
        self.calls = 0
        self.errors = 0

    def add(self, now: float, *, failed: bool) -> None:
        """Count a call that ends now."""
        self._forget(now)
        if not self._seconds or self._seconds[-1].second != int(now):
            self._seconds.append(_Second(int(now)))
        self._seconds[-1].calls += 1
        self._seconds[-1].errors += failed
        self.calls += 1
        self.errors += failed

    def _forget(self, now: float) -> None:
        while self._seconds and self._seconds[0].second <= now - self._length - 1:
            oldest = self._seconds.popleft()
            self.calls -= oldest.calls
            self.errors -= oldest.errors


class Breaker:
    """Closed: all calls pass. Open: none. Half-open: a share of them, on trial."""

    def __init__(
        self,
        rules: BreakerRules,
        *,
        now: Callable[[], float] = time.monotonic,
        on_opening: Callable[[], None] = lambda: None,
        on_closing: Callable[[], None] = lambda: None,
    ) -> None:
        self._rules = rules
        self._now = now
        self._on_opening = on_opening
        self._on_closing = on_closing
        self._state: State = "closed"
        self._changes = 0
        self._begin_closed()

    @property
    def state(self) -> State:
        """The state just now."""
        if self._state == "open" and self._now() >= self._opened_at + self._rules.open_seconds:
            self._try_out()
        return self._state

    @property
    def seconds_not_closed(self) -> float | None:
        """For how long it has not been closed; None while it is."""
        return None if self._not_closed_since is None else self._now() - self._not_closed_since

    def admit(self) -> Admission | None:
        """Whether a call may be made; None if not. Report what came of it, if it says anything."""
        state = self.state
        if state == "open" or (state == "half_open" and not self._admits_trial()):
            return None
        return Admission(self._changes)

    def succeeded(self, admission: Admission) -> None:
        """A call has shown that the dependency works."""
        if admission == self._changes:
            self._note_success()

    def failed(self, admission: Admission) -> None:
        """A call has shown that it does not; what was admitted before a change counts no more."""
        if admission == self._changes:
            self._note_failure()

    def probed(self, *, well: bool) -> None:
        """What a probe found, which asks in any state; one that is well ends an opening."""
        if self.state == "open":
            if not well:
                return
            self._try_out()
        if well:
            self._note_success()
        else:
            self._note_failure()

    def _admits_trial(self) -> bool:
        admitted = self._admitted <= self._asked * self._rules.trial_share
        self._asked += 1
        self._admitted += admitted
        return admitted

    def _note_success(self) -> None:
        self._errors_in_row = 0
        if self._state == "closed":
            self._window.add(self._now(), failed=False)
            return
        self._successes += 1
        if self._successes >= self._rules.trial_successes:
            self._changes += 1
            self._begin_closed()
            self._on_closing()

    def _note_failure(self) -> None:
        if self._state == "closed":
            self._errors_in_row += 1
            self._window.add(self._now(), failed=True)
            if not self._has_enough():
                return
        self._open()

    def _has_enough(self) -> bool:
        """Whether there are enough errors to open."""
        rules, window = self._rules, self._window
        often = window.errors >= rules.error_share * window.calls
        return self._errors_in_row >= rules.errors_in_row or (
            window.calls >= rules.fewest_calls and often
        )

    def _begin_closed(self) -> None:
        self._state = "closed"
        self._not_closed_since: float | None = None
        self._errors_in_row = 0
        self._window = _Window(self._rules.window_seconds)

    def _open(self) -> None:
        self._state = "open"
        self._changes += 1
        self._opened_at = self._now()
        if self._not_closed_since is None:
            self._not_closed_since = self._opened_at
        self._on_opening()

    def _try_out(self) -> None:
        self._state = "half_open"
        self._changes += 1
        self._asked = self._admitted = self._successes = 0
