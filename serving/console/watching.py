"""One user's lists side by side, before and after each click.

They are the lists that apps get, made anew each time. Looking at them is no impression: nothing of
it is recorded, or the next list would hold back what only somebody of the team has seen.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from domain.blend import BATCH, SPEED
from domain.identifiers import RunId, UserId
from serving.candidates.recommendations import Recommendations
from serving.candidates.users import UserNumbers
from serving.events.deleting import EventUndoer
from serving.events.record_events import EventRecorder
from serving.events.schemas import EventBody
from serving.lists.asked_blend import AS_SET, AskedBlend
from serving.lists.recommendation_list import RecommendationList
from serving.lists.request import RecommendationRequest
from serving.recommendations.recommend import Recommender, UncachedKind
from serving.runs.live_runs import LiveRuns
from serving.runtime.budget import RequestBudgets
from serving.users.history import Histories

LISTED = 10
"""Items of each list."""
_HISTORY = 12
"""Events of the user's that are shown."""
_PATIENCE_SECONDS = 2.0
"""So long a click waits for the speed layer, which needs a fraction of it."""
_PAUSE_SECONDS = 0.008
_BATCH_ALONE = AskedBlend(((BATCH, 1.0),))
_SPEED_ALONE = AskedBlend(((SPEED, 1.0),))


@dataclass(frozen=True, slots=True)
class Lists:
    """What a user would be shown just now."""

    batch: RecommendationList
    speed: RecommendationList
    blend: RecommendationList
    history: Sequence[Row[Any]]
    """The newest events."""


@dataclass(frozen=True, slots=True)
class Steps:
    """What became of a click, and how long each step took, in milliseconds."""

    recorded_ms: float
    """Until the event was committed, or deleted."""
    folded_ms: float | None
    """Until the live vector knew of it; None: that did not happen in time, or there is no run."""
    listed_ms: float
    """Until the lists were made."""


@dataclass(frozen=True, slots=True)
class Change:
    """The lists after a click."""

    lists: Lists
    steps: Steps


@dataclass(eq=False, slots=True, kw_only=True)
class Watcher:
    """Makes the lists, and records what is clicked as the API does."""

    recommender: Recommender
    recorder: EventRecorder
    undoer: EventUndoer
    recommendations: Recommendations
    users: UserNumbers
    live_runs: LiveRuns
    histories: Histories
    budgets: RequestBudgets

    async def lists(self, user_id: UserId, blend: AskedBlend) -> Lists:
        """The three lists and the history; StoreUnavailableError if there is no list whatever."""
        batch, speed, blended, history = await asyncio.gather(
            self._list(user_id, _BATCH_ALONE),
            self._list(user_id, _SPEED_ALONE),
            self._list(user_id, blend, explain=True),
            self.histories.load(user_id, None, events=_HISTORY),
        )
        return Lists(batch, speed, blended, history.events)

    async def blended(self, user_id: UserId) -> RecommendationList:
        """The blend alone, as apps get it; errors as of `lists`."""
        return await self._list(user_id, AS_SET)

    async def record(self, event: EventBody, blend: AskedBlend) -> Change:
        """Record an event; the lists once the live vector knows of it. Errors as of the API."""
        began = time.perf_counter()
        await self.recorder.record([event])
        return await self._after(UserId(event.user_id), blend, began)

    async def undo(self, user_id: UserId, event_id: str, blend: AskedBlend) -> Change:
        """Take an event of this user back; UnknownEventError if there was none."""
        began = time.perf_counter()
        await self.undoer.undo(event_id)
        return await self._after(user_id, blend, began)

    def weights(self, lists: Lists) -> Mapping[str, int]:
        """What each source weighs in the blend where nobody says otherwise, in percent."""
        run = self.live_runs.current
        policy = self.recommender.policy.resolved(run.learned if run else None)
        weights = policy.weights(lists.blend.policy.events_since_cut_off)
        return {name: round(100 * weight) for name, weight in weights.items()}

    async def _list(
        self, user_id: UserId, blend: AskedBlend, *, explain: bool = False
    ) -> RecommendationList:
        request = RecommendationRequest(LISTED, explain=explain, blend=blend, use_cache=False)
        complete = request.with_defaults(self.recommender.reranking)
        kind = UncachedKind(self.recommender)
        answer = await self.recommender.pipeline.answer(kind, complete, user_id)
        return answer.result

    async def _after(self, user_id: UserId, blend: AskedBlend, began: float) -> Change:
        recorded = time.perf_counter()
        is_known = await self._folded_in(user_id)
        folded = time.perf_counter()
        # However long it took until then, the lists have all the time of a request.
        self.budgets.begin("write")
        lists = await self.lists(user_id, blend)
        listed = time.perf_counter()
        steps = Steps(
            recorded_ms=_ms(began, recorded),
            folded_ms=_ms(recorded, folded) if is_known else None,
            listed_ms=_ms(folded, listed),
        )
        return Change(lists, steps)

    async def _folded_in(self, user_id: UserId) -> bool:
        """Wait until the user's live vector knows all of the log; False: not in time."""
        run = self.live_runs.current
        ends_at = time.monotonic() + _PATIENCE_SECONDS
        while run is not None:
            if await self._is_known(run.run_id, user_id):
                return True
            if time.monotonic() > ends_at:
                break
            await asyncio.sleep(_PAUSE_SECONDS)
        return False

    async def _is_known(self, run_id: RunId, user_id: UserId) -> bool:
        user_no = await self.users.find(user_id)
        return user_no is not None and await self.recommendations.knows_user(run_id, user_no)


def _ms(began: float, ended: float) -> float:
    return round((ended - began) * 1000, 1)
