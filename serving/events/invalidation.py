"""What is done after events were recorded and before anybody is told so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, groupby

from domain.errors import StoreUnavailableError
from domain.identifiers import UserId
from domain.interactions import EventKind
from serving.events.event_log import Recorded
from serving.events.new_events import exclusions_by
from serving.exclusions.exclusion_cache import ExclusionCache
from serving.exclusions.exclusions import UserExclusions
from serving.redis.answers import Answers
from sql.log import NewEvent


@dataclass(frozen=True, slots=True)
class RecordedEvents:
    """The events of a request, and what became of them."""

    events: Sequence[NewEvent]
    kinds: Mapping[str, EventKind]
    recorded: Recorded

    def in_log(self) -> Sequence[NewEvent]:
        """Those that are in the log."""
        left_out, gone = set(self.recorded.conflicts), self.recorded.gone
        if not left_out and not gone:
            return self.events
        return [
            event
            for index, event in enumerate(self.events)
            if index not in left_out and event.event_id not in gone
        ]


@dataclass(frozen=True, slots=True)
class Invalidation:
    """Sees to it that no process recommends what users have just seen."""

    answers: Answers
    exclusion_cache: ExclusionCache

    async def make_known(self, requests: Sequence[RecordedEvents]) -> bool:
        """Drop the cached answers of all their users, and tell the other processes.

        False: not all of these may have been reached.
        """
        found = _exclusions(requests)
        self.exclusion_cache.add(found)
        touched = set().union(*(request.recorded.touched for request in requests))
        if touched:
            await self.answers.drop(sorted(touched))
        try:
            await self.exclusion_cache.publish(found)
        except StoreUnavailableError:
            return False
        return True


def _exclusions(requests: Sequence[RecordedEvents]) -> dict[UserId, UserExclusions]:
    """What the events exclude from their users' lists, as far as they are in the log."""
    found: dict[UserId, UserExclusions] = {}
    # Of requests that come together nearly all know the same kinds.
    for _, alike in groupby(requests, key=lambda request: id(request.kinds)):
        first, *others = alike
        events = chain(first.in_log(), *(request.in_log() for request in others))
        for user_id, excluded in exclusions_by(events, first.kinds).items():
            known = found.get(user_id)
            found[user_id] = excluded if known is None else known | excluded
    return found
