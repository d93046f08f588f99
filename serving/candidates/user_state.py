"""What a run and the log know of one user, as one row tells it."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from domain.identifiers import ItemNo, Position, RunId, UserNo
from domain.rankings import Ranking
from serving.candidates.catalogue_items import Nearest
from serving.candidates.live_vector_inputs import NOTHING_ADDED, Additions
from serving.candidates.preferences import Preference, decoded_preferences
from serving.exclusions.exclusions import Exclusions
from serving.runtime.faults import RunGoneError, UserGoneError
from sql.vectors import array_sent


@dataclass(frozen=True, slots=True)
class UserState:
    """All that a run and the log know of one user."""

    batch: Ranking
    """The batch list as the run has it: not yet only what is eligible."""
    embedding: Any
    """The live vector in any form the driver takes; None if the user has none."""
    events_since_cut_off: int
    excluded: tuple[ItemNo, ...]
    """What stays out of this list."""
    known: Position | None = None
    """The position up to which the live vector knows the log; None if the user has none."""
    exclusions: Exclusions = field(default_factory=Exclusions)
    """What stays out of this list and others."""
    user_no: UserNo | None = None
    """None: a user the log has never seen."""
    added: Additions = NOTHING_ADDED
    """What the request adds to the history, which the live vector was made with."""
    following: Ranking = field(default_factory=Ranking.empty)
    """What comes next after the user's history, with what it adds to the live scores."""
    vector_at: datetime | None = None
    """When the live vector was made; None if the user has none."""
    preferences: tuple[Preference, ...] = ()
    """What the user wants more or less of, the newest first."""
    nearest: Nearest | None = None
    """What was found by the statement that read the user; None: it did not search."""

    def changed(self, **changes: Any) -> "UserState":
        """Another user as far as a search is concerned: what was found is not for that one."""
        return replace(self, nearest=None, **changes)


def user_state_of(
    row: Row[Any], run_id: RunId | None, user_no: UserNo, *, exclude_seen: bool
) -> UserState:
    """From a row with the part `sent_user_state`; RunGoneError, UserGoneError."""
    if run_id is not None and not row.has_partitions:
        raise RunGoneError
    if not row.is_user:
        raise UserGoneError
    exclusions = Exclusions(frozenset(row.seen), frozenset(row.disliked))
    return UserState(
        batch=_sent_ranking(row.item_nos, row.scores),
        embedding=row.embedding,
        events_since_cut_off=row.events_since_cut_off,
        excluded=tuple(exclusions.of(exclude_seen=exclude_seen)),
        known=None if row.embedding is None else row.position,
        exclusions=exclusions,
        user_no=user_no,
        following=_sent_ranking(row.next_item_nos, row.next_scores),
        vector_at=row.vector_at,
        preferences=decoded_preferences(row.preferences),
    )


def _sent_ranking(item_nos: bytes | None, scores: bytes | None) -> Ranking:
    """Of arrays as `sent_user_state` has them."""
    return Ranking.of(array_sent(item_nos, ">i4"), array_sent(scores, ">f4"))
