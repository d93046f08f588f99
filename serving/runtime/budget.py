"""The time a piece of work may take, known to every call out that it leads to.

Each way in sets it: a request when its key is checked, the work beside the requests with each turn.
It also names whose connections the work uses, so that the kinds of work cannot starve each other.
"""

import asyncio
import time
from collections.abc import Awaitable
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

from domain.errors import StoreUnavailableError

Answer = TypeVar("Answer")
Lane = Literal["reads", "writes", "background"]

KNOWING_THE_USER = 0.55
"""The share of a budget after which whatever is not known of the user is done without."""
FILTERING = 0.55
"""The share after which the best of what passes a filter is no longer looked for among all items:
what passes is then taken as it comes."""
SEARCHING = 0.7
"""The share after which the candidates must be there."""
FALLING_BACK = 0.85
"""The share after which PostgreSQL is no longer asked: the rest is for the fallback."""

_RESERVE = 0.05


@dataclass(frozen=True, slots=True)
class Budget:
    """Until when a piece of work may go on."""

    lane: Lane
    began_at: float
    """On the monotonic clock, as `ends_at` is."""
    seconds: float
    """All of it."""
    ends_at: float
    """The end of the part being spent."""
    probing: bool = False
    """Whether to ask a dependency that is being left alone, to see if it is back."""
    counts_as_failure: bool = True
    """Whether a late answer counts as a failure of the dependency; not if much is asked of it."""

    @classmethod
    def of(
        cls,
        lane: Lane,
        seconds: float,
        *,
        since: float | None = None,
        probing: bool = False,
        counts_as_failure: bool = True,
    ) -> "Budget":
        """A budget that begins now, or began at `since` on the monotonic clock."""
        began = time.monotonic() if since is None else since
        return cls(lane, began, seconds, began + seconds, probing, counts_as_failure)

    def end_of(self, share: float) -> float:
        """When so much of the whole budget is spent, unless it ends before."""
        return min(self.ends_at, self.began_at + share * self.seconds)

    def ending_at(self, moment: float, *, counts_as_failure: bool | None = None) -> "Budget":
        """The same until another moment; `counts_as_failure` None: as it is."""
        counts = self.counts_as_failure if counts_as_failure is None else counts_as_failure
        # `dataclasses.replace` takes three times as long, several times a list.
        return Budget(self.lane, self.began_at, self.seconds, moment, self.probing, counts)

    def left(self) -> float:
        """Seconds left of the part being spent; 0 when it is over."""
        return max(self.ends_at - time.monotonic(), 0.0)


@dataclass(frozen=True, slots=True)
class RequestBudgets:
    """What a request may take, by what its key must grant."""

    read_seconds: float
    write_seconds: float
    admin_seconds: float

    def begin(
        self, scope: Literal["read", "write", "admin"], *, since: float | None = None
    ) -> None:
        """Let the budget of a request begin, for all that follows in its task.

        `since`: when its headers had come in; what it has waited for this process counts.
        """
        if scope == "read":
            budget = Budget.of("reads", self.read_seconds, since=since)
        elif scope == "write":
            budget = Budget.of("writes", self.write_seconds, since=since)
        else:
            budget = Budget.of("background", self.admin_seconds, since=since)
        _CURRENT.set(budget)


_CURRENT: ContextVar[Budget | None] = ContextVar("budget", default=None)


def current() -> Budget | None:
    """The budget of the work that asks; None if nobody set one."""
    return _CURRENT.get()


class _Spending:
    """A context manager in half the time that one made of a generator takes."""

    __slots__ = ("_budget", "_token")

    def __init__(self, budget: Budget | None) -> None:
        self._budget = budget

    def __enter__(self) -> None:
        self._token = _CURRENT.set(self._budget)

    def __exit__(self, *_: object) -> None:
        _CURRENT.reset(self._token)


def spending(budget: Budget | None) -> AbstractContextManager[None]:
    """Set the budget for the time of the block; None: each call out has its own usual time."""
    return _Spending(budget)


def ask_without_blame() -> None:
    """From here on this work may be late without that counting as a failure of what it asks.

    For what whoever asks can make as dear as they like: it must not look like an outage to others.
    """
    budget = _CURRENT.get()
    if budget is not None:
        _CURRENT.set(replace(budget, counts_as_failure=False))


async def in_time(asking: Awaitable[Answer]) -> Answer:
    """What is found while there is time to ask PostgreSQL; StoreUnavailableError after that."""
    with until(FALLING_BACK):
        budget = current()
        # The calls out end by themselves before; this is for what else may take its time.
        longest = budget.left() + _RESERVE * budget.seconds if budget else None
        try:
            async with asyncio.timeout(longest):
                return await asking
        except TimeoutError as error:
            message = "There was no time left for this request. Try again shortly."
            raise StoreUnavailableError(message, reason="budget") from error


def until(share: float) -> AbstractContextManager[None]:
    """End the calls of the block when so much of the whole budget is spent, if there is one."""
    budget = current()
    if budget is None:
        return nullcontext()
    return spending(budget.ending_at(budget.end_of(share)))


def trying(share: float) -> AbstractContextManager[None]:
    """Spend half of the time that is left until so much of the budget is spent.

    For what there is another way to do: to be late with it is no failure of the dependency.
    """
    budget = current()
    if budget is None:
        return nullcontext()
    now = time.monotonic()
    left = max(budget.end_of(share) - now, 0.0)
    return spending(budget.ending_at(now + left / 2, counts_as_failure=False))


def searching(*, among_few: bool) -> AbstractContextManager[None]:
    """End a search in time for what comes instead of it.

    `among_few`: its filter may leave few items, and what passes can then be taken as it comes.
    """
    return until(FILTERING if among_few else SEARCHING)
