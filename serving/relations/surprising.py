"""Items that surprise: near a user's taste though hardly anybody knows them, or liked against it.

Of the items with the best live scores, as many as a source gives the blend,

    score_i = relevance_i * novelty_i

    relevance_i = (s_i - s_min) / (s_max - s_min)       s: live scores of these items
    novelty_i = 1 - ln(1 + n_i) / ln(1 + n_max)         n_i: users of the run who like item i

`n_max` is that of the best known item of the run.
"""

import uuid
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import orjson
from numpy.typing import NDArray

from domain.errors import StoreUnavailableError, UnknownUserError
from domain.identifiers import ItemNo, RunId, UserId
from serving.answering.impressions import ImpressionQueue, impression_of
from serving.answering.list_kind import CachedKind
from serving.answering.pipeline import Answer, AnswerPipeline
from serving.candidates.catalogue_items import Named, Nearest
from serving.candidates.filters import EVERYTHING, Filters
from serving.candidates.recommendations import Recommendations
from serving.candidates.user_state import UserState
from serving.candidates.users import UserReader
from serving.exclusions.exclusions import Exclusions, UserExclusions
from serving.runs.live_runs import LiveRun, check_run, decoded_run, trusted
from sql.statements import as_array, statements

_RELATIONS = statements("relations")

NEWEST_LIKED = 1_000
"""Of so many of the newest items a user liked those are found that are least like the user."""

SurprisingStrategy = Literal["surprising", "known", "no_vector"]


@dataclass(frozen=True, slots=True)
class SurprisingItem:
    """An item that surprises."""

    item_no: ItemNo
    item_id: str
    title: str
    score: float
    """Of a known item the live score, which is the lower the more it surprises."""
    relevance: float | None
    """None: a known item."""
    novelty: float | None
    users: int
    """Users of the run who like it."""


@dataclass(frozen=True, slots=True)
class SurprisingList:
    """Items that surprise, those first that do most."""

    strategy: SurprisingStrategy
    run: LiveRun | None
    items: tuple[SurprisingItem, ...] = ()
    degraded: str | None = None

    @classmethod
    def decode(cls, cached: bytes) -> Self:
        """The list from what was cached."""
        fields = orjson.loads(cached)
        items = tuple(SurprisingItem(**item) for item in fields["items"])
        return cls(fields["strategy"], decoded_run(fields["run"]), items)


@dataclass(frozen=True, slots=True)
class SurprisingRequest:
    """What is asked of such a list."""

    limit: int
    filters: Filters = EVERYTHING
    exclude_seen: bool = True
    known: bool = False
    """Whether to look among the items that the user liked, not among others."""


@dataclass(eq=False, slots=True, kw_only=True)
class Surprising(CachedKind[SurprisingRequest, SurprisingList]):
    """Answers requests for what would surprise a user."""

    pipeline: AnswerPipeline
    recommendations: Recommendations
    impressions: ImpressionQueue
    recall_bound: float

    async def surprising(
        self, user_id: UserId, request: SurprisingRequest
    ) -> tuple[uuid.UUID | None, Answer[SurprisingList]]:
        """The list, and its recommendation id; None: items that are known are not recommended.

        UnknownUserError.
        """
        answer = await self.pipeline.answer(self, request, user_id)
        if request.known:
            return None, answer
        recommendation_id = uuid.uuid4()
        self.impressions.put(impression_of(recommendation_id, answer))
        return recommendation_id, answer

    async def make(
        self, run: LiveRun | None, user: UserReader | None, request: SurprisingRequest
    ) -> SurprisingList:
        """By the run's vectors; nothing for a user without one."""
        if user is None:
            raise UnknownUserError("There is no such user: nothing is known of any taste yet.")
        state = await user.state(exclude_seen=request.exclude_seen)
        if run is None or state.embedding is None:
            return SurprisingList("no_vector", run)
        if request.known:
            return SurprisingList("known", run, await self._known(run.run_id, state, request))
        nearest = await self.recommendations.load_nearest(
            run.run_id,
            state,
            index=trusted(run.index, self.recall_bound),
            filters=request.filters,
        )
        uses, most = await self._uses(run.run_id, nearest.ranking.item_nos.tolist())
        return SurprisingList("surprising", run, _surprising(nearest, uses, most)[: request.limit])

    async def _uses(self, run_id: RunId, item_nos: Sequence[int]) -> tuple[Mapping[int, int], int]:
        """By item how many users like it, and how many the best known one of all."""
        parameters = {"run_id": run_id, "item_nos": as_array(item_nos)}
        rows = await self.recommendations.store.rows(_RELATIONS["load_uses_of_items"], parameters)
        return {row.item_no: row.users for row in rows}, rows[0].most_users if rows else 0

    async def _known(
        self, run_id: RunId, state: UserState, request: SurprisingRequest
    ) -> tuple[SurprisingItem, ...]:
        parameters = {
            "run_id": run_id,
            "user_no": state.user_no,
            "embedding": state.embedding,
            "newest_liked": NEWEST_LIKED,
            "items": request.limit,
            **request.filters.parameters(),
        }
        store = self.recommendations.store
        rows = await store.rows(_RELATIONS["load_least_expected"], parameters)
        if not rows:
            await check_run(store, run_id)
        return tuple(
            SurprisingItem(
                ItemNo(row.item_no), row.item_id, row.title, row.live_score, None, None, row.users
            )
            for row in rows
        )

    def make_fallback(self, known: UserExclusions, request: SurprisingRequest) -> SurprisingList:
        """What is kept in memory is popular, and no surprise: StoreUnavailableError."""
        del known, request
        raise StoreUnavailableError(
            "What would surprise a user is found in PostgreSQL, which cannot be reached just now."
            " Try again shortly."
        )

    def filters(self, request: SurprisingRequest) -> Filters:
        """Those of the request."""
        return request.filters

    def key(self, request: SurprisingRequest) -> str:
        """All of the request."""
        parts = (request.limit, request.filters.key(), request.exclude_seen, request.known)
        return f"surprising:{orjson.dumps(parts).decode()}"

    def excluded(self, exclusions: Exclusions, request: SurprisingRequest) -> AbstractSet[ItemNo]:
        """The user's exclusions; nothing is excluded among what is known."""
        if request.known:
            return frozenset()
        return exclusions.of(exclude_seen=request.exclude_seen)

    decode = staticmethod(SurprisingList.decode)


def _surprising(nearest: Nearest, uses: Mapping[int, int], most: int) -> tuple[SurprisingItem, ...]:
    """All candidates, the most surprising first."""
    item_nos = nearest.ranking.item_nos
    relevance = nearest.ranking.scaled()
    users = np.array([uses.get(no, 0) for no in item_nos.tolist()], dtype=np.float64)
    novelty = surprise_novelty(users, most)
    scores = relevance * novelty
    items = Named((nearest.near, nearest.following), nearest.eligible)
    return tuple(
        SurprisingItem(
            ItemNo(int(item_nos[at])),
            *items.texts(int(item_nos[at]))[:2],
            score=float(scores[at]),
            relevance=float(relevance[at]),
            novelty=float(novelty[at]),
            users=int(users[at]),
        )
        for at in np.lexsort((item_nos, -scores))
    )


def surprise_novelty(users: NDArray[np.float64], most: float) -> NDArray[np.float64]:
    """1 for an item nobody likes, 0 for the best known one; `users` (n,) of each, `most` >= 0."""
    if most <= 0:
        return np.ones_like(users)
    return np.asarray(1.0 - np.log1p(users) / np.log1p(most)).clip(0.0, 1.0)
