"""The page of one user: all that is known of them, and what they would be shown."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from domain.errors import StoreUnavailableError
from domain.identifiers import UserId
from serving.candidates.recommendations import Recommendations
from serving.candidates.users import UserNumbers
from serving.console.watching import Watcher
from serving.lists.recommendation_list import RecommendationList
from serving.preferences.preference_keeping import PreferenceKeeping
from serving.runs.live_runs import LiveRuns
from serving.runtime.faults import RunGoneError, UserGoneError
from serving.users.history import Histories
from serving.users.user_keeping import UserKeeping
from serving.users.user_profiles import UserProfile

SHOWN = 40
"""Events of the history that are shown."""


@dataclass(frozen=True, slots=True)
class LiveState:
    """What the served run has of a user."""

    run_id: int
    listed: int
    """Items of the nightly list; 0: the night knew too little of the user."""
    has_vector: bool
    vector_at: datetime | None
    """When the live vector was made."""
    events_since_cut_off: int
    """Events since the run's cut-off that the live vector knows."""
    is_current: bool
    """Whether it knows all that the log has of the user."""
    seen: int
    """Items that are not shown as the user has seen them."""
    disliked: int
    """Items that the user disliked or hid."""


@dataclass(frozen=True, slots=True)
class UserPage:
    """All that the page shows."""

    profile: UserProfile
    state: LiveState | None
    """None: no run is served, or it was being replaced just then."""
    preferences: Sequence[Row[Any]]
    history: Sequence[Row[Any]]
    """The newest events."""
    has_more: bool
    """Whether there are older ones."""
    blend: RecommendationList | None
    """What apps get; None: there is no list whatever just now."""


@dataclass(eq=False, slots=True, kw_only=True)
class UserPageReader:
    """Reads it."""

    user_keeping: UserKeeping
    preferences: PreferenceKeeping
    histories: Histories
    recommendations: Recommendations
    users: UserNumbers
    live_runs: LiveRuns
    watcher: Watcher

    async def load(self, user_id: UserId) -> UserPage:
        """One user; UnknownUserError."""
        profile = await self.user_keeping.load(user_id)
        history = await self.histories.load(user_id, None, events=SHOWN)
        blend = None
        with suppress(StoreUnavailableError):
            blend = await self.watcher.blended(user_id)
        return UserPage(
            profile,
            await self._state(user_id),
            await self.preferences.load(user_id),
            history.events,
            history.next is not None,
            blend,
        )

    async def _state(self, user_id: UserId) -> LiveState | None:
        run, user_no = self.live_runs.current, await self.users.find(user_id)
        if run is None or user_no is None:
            return None
        try:
            state = await self.recommendations.load_user_state(
                run.run_id, user_no, exclude_seen=True
            )
        except (RunGoneError, UserGoneError):
            return None
        return LiveState(
            run_id=run.run_id,
            listed=len(state.batch.item_nos),
            has_vector=state.embedding is not None,
            vector_at=state.vector_at,
            events_since_cut_off=state.events_since_cut_off,
            is_current=await self.recommendations.knows_user(run.run_id, user_no),
            seen=len(state.exclusions.seen),
            disliked=len(state.exclusions.disliked),
        )
