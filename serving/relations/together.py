"""Items that are used by the users of an item: in the same session, or at any time."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Literal, Self

import orjson

from domain.errors import StoreUnavailableError, UnknownItemError
from domain.identifiers import ItemId, ItemNo, UserId
from serving.answering.list_kind import CachedKind
from serving.answering.pipeline import Answer, AnswerPipeline
from serving.candidates.catalogue_items import find_item_nos
from serving.candidates.filters import EVERYTHING, Filters
from serving.candidates.users import UserReader
from serving.exclusions.exclusions import Exclusions, UserExclusions
from serving.postgres.store import ReadStore
from serving.runs.live_runs import LiveRun, decoded_run
from sql.statements import statements

_RELATIONS = statements("relations")

Mode = Literal["strict", "relaxed"]

NEWEST_USES: Mapping[Mode, int] = {"strict": 1_000, "relaxed": 200}
"""Of so many of the newest interactions with the item the users are looked at."""
NEWEST_INTERACTIONS = 50
"""And of each user so many of the newest, where any time counts."""
FEWEST_USERS = 2
"""What only a single user did stays with that user."""
PSEUDO_COUNT = 10
"""As many users used nothing besides: what is known of a few counts less."""

_NOBODY = Exclusions()


@dataclass(frozen=True, slots=True)
class TogetherItem:
    """An item that users of the other one used too."""

    item_no: ItemNo
    item_id: str
    title: str
    score: float
    """In [0, 1]."""
    share: float
    """Of the users who were looked at."""
    users: int
    """How many that is."""


@dataclass(frozen=True, slots=True)
class TogetherList:
    """Items used together with one, the most so first."""

    strategy: Mode
    run: LiveRun | None
    items: tuple[TogetherItem, ...]
    degraded: str | None = None

    @classmethod
    def decode(cls, cached: bytes) -> Self:
        """The list from what was cached."""
        decoded = orjson.loads(cached)
        items = tuple(TogetherItem(**item) for item in decoded["items"])
        return cls(decoded["strategy"], decoded_run(decoded["run"]), items)


@dataclass(frozen=True, slots=True)
class TogetherRequest:
    """What is asked of such a list."""

    item_id: ItemId
    limit: int
    mode: Mode = "relaxed"
    within_minutes: int = 1440
    """Of strict lists: so long before or after the item."""
    kind_nos: tuple[int, ...] = ()
    """Only events of these kinds count; empty: all that speak for an item."""
    filters: Filters = EVERYTHING
    exclude_seen: bool = True


@dataclass(eq=False, slots=True, kw_only=True)
class Together(CachedKind[TogetherRequest, TogetherList]):
    """Answers requests for what goes with an item."""

    pipeline: AnswerPipeline
    store: ReadStore
    fresh_seconds: float = 60.0

    async def together(
        self, user_id: UserId | None, request: TogetherRequest
    ) -> Answer[TogetherList]:
        """What goes with an item; UnknownItemError."""
        return await self.pipeline.answer(self, request, user_id)

    async def make(
        self, run: LiveRun | None, user: UserReader | None, request: TogetherRequest
    ) -> TogetherList:
        """Counted from the log as it is now; what is usual anyway is taken from the run."""
        of_user = (await user.state(exclude_seen=True)).exclusions if user else _NOBODY
        found = await find_item_nos(self.store, [request.item_id])
        if request.item_id not in found:
            raise UnknownItemError(f"There is no item {request.item_id!r}.")
        item_no = found[request.item_id]
        items = await self._load(run, item_no, self.excluded(of_user, request), request)
        return TogetherList(request.mode, run, tuple(items))

    async def _load(
        self,
        run: LiveRun | None,
        item_no: ItemNo,
        excluded: AbstractSet[ItemNo],
        request: TogetherRequest,
    ) -> Sequence[TogetherItem]:
        parameters = {
            "run_id": run.run_id if run else None,
            "item_no": item_no,
            "kind_nos": list(request.kind_nos) or None,
            "newest_uses": NEWEST_USES[request.mode],
            "fewest": FEWEST_USERS,
            "pseudo_count": PSEUDO_COUNT,
            "excluded": [item_no, *excluded],
            "items": request.limit,
            **request.filters.parameters(),
        }
        if request.mode == "strict":
            statement = "load_used_within"
            parameters["within_seconds"] = 60.0 * request.within_minutes
        else:
            statement = "load_used_ever"
            parameters["newest_interactions"] = NEWEST_INTERACTIONS
        rows = await self.store.rows(_RELATIONS[statement], parameters)
        return [
            TogetherItem(
                ItemNo(row.item_no), row.item_id, row.title, row.score, row.share, row.users
            )
            for row in rows
        ]

    def make_fallback(self, known: UserExclusions, request: TogetherRequest) -> TogetherList:
        """Nothing in memory tells what goes together: StoreUnavailableError."""
        del known, request
        raise StoreUnavailableError(
            "What is used together is counted in PostgreSQL, which cannot be reached just now."
            " Try again shortly."
        )

    def filters(self, request: TogetherRequest) -> Filters:
        """Those of the request."""
        return request.filters

    def key(self, request: TogetherRequest) -> str:
        """All of the request."""
        parts = (
            request.item_id,
            request.limit,
            request.mode,
            request.within_minutes if request.mode == "strict" else None,
            request.kind_nos,
            request.filters.key(),
            request.exclude_seen,
        )
        return f"together:{orjson.dumps(parts).decode()}"

    def excluded(self, exclusions: Exclusions, request: TogetherRequest) -> AbstractSet[ItemNo]:
        """The user's exclusions."""
        return exclusions.of(exclude_seen=request.exclude_seen)

    decode = staticmethod(TogetherList.decode)
