"""Making one user's list from one run: the blend, and what stands in where it has too little."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from domain.blend import BlendPolicy, blend, effective_weights
from domain.errors import StoreUnavailableError
from domain.identifiers import ItemNo, UserNo
from domain.rankings import Ranking
from serving.budget import KNOWING_THE_USER, SEARCHING, until
from serving.repositories.recommendations import (
    Candidates,
    ListedItems,
    Recommendations,
    UserState,
)
from serving.repositories.runs import LiveRun
from serving.services.explaining import Explainer
from serving.services.made_list import (
    AppliedPolicy,
    Level,
    MadeList,
    RecommendedItem,
    degraded_by,
    fillers,
)

_STRANGER = UserState(Ranking.empty(), None, 0, ())


def _unnoted(_user: UserState) -> None:
    """Nobody wants to know."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a list is asked to be."""

    limit: int
    exclude_seen: bool = True
    """False: only items the user spoke against stay out."""
    explain: bool = False
    """Whether to say which of the user's own items brought each one."""


class ListMaker:
    """Makes lists; a list has as many items as were asked for, or all that are eligible."""

    def __init__(
        self,
        recommendations: Recommendations,
        explainer: Explainer,
        policy: BlendPolicy,
        *,
        log_events: int,
        recall_bound: float,
    ) -> None:
        self._recommendations = recommendations
        self._explainer = explainer
        self._policy = policy
        self._log_events = log_events
        self._recall_bound = recall_bound

    async def make(
        self,
        run: LiveRun | None,
        user_no: UserNo | None,
        wish: Wish,
        *,
        note: Callable[[UserState], None] = _unnoted,
    ) -> MadeList:
        """The best list that `run` has for a user; None: a user the log has never seen.

        `note` is told what the store knows of the user as soon as it is read.
        """
        with until(KNOWING_THE_USER):
            user = await self._user_state(run, user_no, wish)
        note(user)
        candidates, degraded = await self._candidates_in_time(run, user)
        if run is None or not candidates.items:
            items = await self.popular(run, limit=wish.limit, excluded=user.excluded)
            neither = AppliedPolicy.neither(self._policy)
            return MadeList("popular", run, neither, items, degraded)
        items, policy = _blended(candidates, self._policy, user.events_since_cut_off, wish.limit)
        made = MadeList(_level(candidates), run, policy, items, degraded)
        try:
            return await self._finished(run, made, user_no, user, wish)
        except StoreUnavailableError as error:
            return replace(made, degraded=degraded or degraded_by(error))

    async def _finished(
        self, run: LiveRun, made: MadeList, user_no: UserNo | None, user: UserState, wish: Wish
    ) -> MadeList:
        """The list made long enough, and explained if that is wished."""
        items = await self._filled(run, made.items, wish.limit, user.excluded)
        if wish.explain and user_no is not None and user.known is not None:
            items = await self._explainer.explained(run.run_id, user_no, user.known, items)
        return replace(made, items=items)

    async def popular(
        self,
        run: LiveRun | None,
        *,
        limit: int,
        excluded: Sequence[ItemNo] = (),
        category: str = "",
    ) -> tuple[RecommendedItem, ...]:
        """What is popular among the eligible, then any other eligible items."""
        listed = await self._popular(run, excluded, category)
        items = _with_scores(listed)[:limit]
        return await self._filled_up(items, limit, excluded, category)

    async def _user_state(
        self, run: LiveRun | None, user_no: UserNo | None, wish: Wish
    ) -> UserState:
        if user_no is None:
            return _STRANGER
        return await self._recommendations.load_user_state(
            run.run_id if run else None, user_no, exclude_seen=wish.exclude_seen
        )

    async def _candidates_in_time(
        self, run: LiveRun | None, user: UserState
    ) -> tuple[Candidates, str | None]:
        """Those of both sources; if the search takes too long, the batch list's, and why."""
        try:
            with until(SEARCHING):
                return await self._candidates(run, user), None
        except StoreUnavailableError as error:
            without_search = replace(user, embedding=None)
            return await self._candidates(run, without_search), degraded_by(error)

    async def _candidates(self, run: LiveRun | None, user: UserState) -> Candidates:
        if run is None or (user.embedding is None and not len(user.batch)):
            return Candidates(Ranking.empty(), Ranking.empty(), {})
        trusted = run.index is not None and run.index.recall >= self._recall_bound
        return await self._recommendations.load_candidates(
            run.run_id, user, index=run.index if trusted else None
        )

    async def _popular(
        self, run: LiveRun | None, excluded: Sequence[ItemNo], category: str
    ) -> ListedItems:
        if run is not None:
            listed = await self._recommendations.load_popular(
                run.run_id, excluded, category=category
            )
            if listed.items:
                return listed
        return await self._recommendations.load_popular_of_log(
            excluded, category=category, events=self._log_events
        )

    async def _filled(
        self,
        run: LiveRun,
        items: tuple[RecommendedItem, ...],
        limit: int,
        excluded: Sequence[ItemNo],
    ) -> tuple[RecommendedItem, ...]:
        """The list with popular items at its end, if it is too short."""
        if len(items) >= limit:
            return items
        listed = await self._popular(run, [*excluded, *_numbers(items)], "")
        added = fillers(listed.items.values())[: limit - len(items)]
        return await self._filled_up((*items, *added), limit, excluded, "")

    async def _filled_up(
        self,
        items: tuple[RecommendedItem, ...],
        limit: int,
        excluded: Sequence[ItemNo],
        category: str,
    ) -> tuple[RecommendedItem, ...]:
        """The list with any eligible items at its end, if it is still too short."""
        missing = limit - len(items)
        if missing <= 0:
            return items
        listed = await self._recommendations.load_any_items(
            [*excluded, *_numbers(items)], category=category, items=missing
        )
        return (*items, *fillers(listed.items.values()))


def _blended(
    candidates: Candidates, policy: BlendPolicy, events_since_cut_off: int, limit: int
) -> tuple[tuple[RecommendedItem, ...], AppliedPolicy]:
    weights = effective_weights(
        candidates.batch, candidates.speed, policy.weights(events_since_cut_off)
    )
    ranked = blend(candidates.batch, candidates.speed, weights, policy.sharpness).top(limit)
    rows = zip(
        ranked.item_nos.tolist(),
        ranked.scores.tolist(),
        ranked.batch_scores.tolist(),
        ranked.speed_scores.tolist(),
        strict=True,
    )
    items = tuple(
        RecommendedItem(no, candidates.items[no].item_id, candidates.items[no].title, *scores)
        for no, *scores in rows
    )
    applied = AppliedPolicy(
        policy.policy, weights.batch, weights.speed, policy.sharpness, events_since_cut_off
    )
    return items, applied


def _level(candidates: Candidates) -> Level:
    if len(candidates.batch) and len(candidates.speed):
        return "blend"
    return "batch" if len(candidates.batch) else "speed"


def _with_scores(listed: ListedItems) -> tuple[RecommendedItem, ...]:
    """Items of a popular list with its scores scaled to [0, 1]."""
    scores = listed.ranking.scaled().tolist()
    return tuple(
        RecommendedItem(item.item_no, item.item_id, item.title, score, 0.0, 0.0)
        for item, score in zip(listed.items.values(), scores, strict=True)
    )


def _numbers(items: Sequence[RecommendedItem]) -> list[ItemNo]:
    return [item.item_no for item in items]
