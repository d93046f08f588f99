"""What a kind of list has to say of itself, so that the pipeline can answer requests for it."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import orjson

from domain.identifiers import ItemNo, UserId
from serving.candidates.filters import Filters
from serving.candidates.users import UserReader
from serving.exclusions.exclusions import Exclusions, UserExclusions
from serving.rules.rule_set import NO_RULES, HoldingRules
from serving.runs.live_runs import LiveRun


class _Item(Protocol):
    @property
    def item_no(self) -> ItemNo: ...


class AnswerList(Protocol):
    """A list as the pipeline sees it: a dataclass with at least these fields."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def strategy(self) -> str:
        """What it was made as."""

    @property
    def run(self) -> LiveRun | None:
        """The model run it comes from."""

    @property
    def items(self) -> Sequence[_Item]:
        """Best first."""

    @property
    def degraded(self) -> str | None:
        """Why it is less than it might have been, and so is not cached; None: it is not."""


Request = TypeVar("Request")
Result = TypeVar("Result", bound=AnswerList)


class ListKind(ABC, Generic[Request, Result]):
    """One kind of list: recommendations, search results, similar items, lists for everybody."""

    @abstractmethod
    async def make(self, run: LiveRun | None, user: UserReader | None, request: Request) -> Result:
        """The list of a run; user None: nobody, or a user the log has never seen.

        RunGoneError and UserGoneError if the run or the user is found gone: the pipeline tries the
        next. StoreUnavailableError: it falls back.
        """

    @abstractmethod
    def make_fallback(self, known: UserExclusions, request: Request) -> Result:
        """The list without PostgreSQL; StoreUnavailableError if there is none whatever."""

    def group(self, request: Request) -> Sequence[UserId]:  # noqa: ARG002 -- most are for one
        """The users it is for together, whose exclusions count, if no one user is named."""
        return ()

    @abstractmethod
    def excluded(self, exclusions: Exclusions, request: Request) -> AbstractSet[ItemNo]:
        """What must not be in the list of a user with these exclusions."""


class CachedKind(ListKind[Request, Result]):
    """A kind whose lists are cached."""

    fresh_seconds = math.inf
    """So long a cached list is answered; later only while PostgreSQL is away."""

    @abstractmethod
    def filters(self, request: Request) -> Filters:
        """What the items of the list are to meet."""

    def rules(self, request: Request) -> HoldingRules:  # noqa: ARG002 -- some have none
        """What a team has set above what was learned."""
        return NO_RULES

    def asks_attributes(self, request: Request) -> bool:
        """Whether what is in the list depends on attributes of items."""
        return self.filters(request).written is not None or self.rules(request).asks_attributes

    def asks_now(self, request: Request) -> bool:
        """Whether it depends on the time alone."""
        written = self.filters(request).written
        return (written is not None and written.asks_now) or self.rules(request).asks_now

    def known_position(self, request: Request) -> int | None:  # noqa: ARG002 -- most know no less
        """The changes of the catalogue that a list is made with; None: all of its version."""
        return None

    @abstractmethod
    def key(self, request: Request) -> str:
        """All that changes the list, apart from the run and the user; unique among the kinds."""

    def encode(self, result: Result) -> bytes:
        """What is cached."""
        return orjson.dumps(result)

    @abstractmethod
    def decode(self, cached: bytes) -> Result:
        """The list from what was cached; of its run it has only what answers show."""
