"""Events as they came, checked against what is known, on their way into the log."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import cast

from domain.errors import StoreUnavailableError
from domain.identifiers import ItemNo, UserId
from domain.interactions import EventKind, Scale
from serving.answering.kept_context import KeptContext
from serving.catalogue.catalogue_keeping import CatalogueKeeping
from serving.events.event_checks import (
    Known,
    SentEvent,
    event_faults,
    in_our_words,
    rating_scale,
    scale_fault,
    value_faults,
)
from serving.events.item_numbers import ItemNumbers
from serving.events.kinds import Kinds
from serving.events.new_events import new_event, sent_event, sent_id_of
from serving.events.plain_events import is_plain, plain_event
from serving.events.scales import Scales
from serving.events.schemas import EventBody
from serving.http.entries import RefusedEntry, refuse_all
from serving.runtime.faults import Fault
from sql.log import NewEvent

_NO_NUMBER = ItemNo(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How a batch is to be recorded."""

    of_user: UserId | None = None
    """Whose device has sent it; None: an app, for whomever it names."""
    partial: bool = False
    """Whether good events are recorded though others are refused."""
    create_items: bool = False
    """Whether items that there are none of are created, titled by their ids."""


ALL_OR_NONE = Wanted()


@dataclass(frozen=True, slots=True)
class _GoodEvent:
    """An event that has no fault."""

    index: int
    """Where it stood in what was sent."""
    event: EventBody
    scale: Scale | None
    """What it lies on; None: it is no rating."""


@dataclass(frozen=True, slots=True)
class CheckedBatch:
    """The events of a batch that have no fault, as they were sent and as they are stored."""

    sent: list[SentEvent]
    new: list[NewEvent]
    kinds: Mapping[str, EventKind]
    event_ids: list[str]
    """Of all events, those with a fault too."""
    faults: dict[int, list[Fault]]


@dataclass(eq=False, slots=True, kw_only=True)
class EventChecker:
    """Finds what is wrong with events, and the numbers of what they name."""

    kinds: Kinds
    scales: Scales
    items: ItemNumbers
    catalogue: CatalogueKeeping
    future_seconds: float
    kept_context: KeptContext

    async def checked(
        self, given: Sequence[EventBody | RefusedEntry], wanted: Wanted
    ) -> CheckedBatch:
        """The events without a fault, and the faults of the others.

        FaultyInputError names each bad event, unless the batch is wanted in part.
        """
        return self._plain(given, wanted) or await self._checked(given, wanted)

    def _plain(
        self, given: Sequence[EventBody | RefusedEntry], wanted: Wanted
    ) -> CheckedBatch | None:
        """One plain event that is good, as most requests have; None: it takes all checks."""
        kinds = self.kinds.at_hand
        if len(given) != 1 or wanted != ALL_OR_NONE or not is_plain(given[0], kinds):
            return None
        (event,) = cast("Sequence[EventBody]", given)
        item_no = self.items.at_hand(event.item_id)
        if item_no is None:
            return None
        made = plain_event(event, kinds[event.kind], item_no, future_seconds=self.future_seconds)
        if made is None:
            return None
        sent, new = made
        return CheckedBatch([sent], [new], kinds, [sent.sent_id], {})

    async def _checked(
        self, given: Sequence[EventBody | RefusedEntry], wanted: Wanted
    ) -> CheckedBatch:
        # Another word for a known kind is no reason to look for new kinds.
        kinds = await self.kinds.including(())
        batch = [in_our_words(event, kinds) for event in given]
        events = [event for event in batch if isinstance(event, EventBody)]
        known = await self._look_up(events, create_items=wanted.create_items)
        faults: dict[int, list[Fault]] = {}
        good: list[_GoodEvent] = []
        for index, event in enumerate(batch):
            if found := event_faults(index, event, known):
                faults[index] = found
            elif isinstance(event, EventBody):
                good.append(_GoodEvent(index, event, rating_scale(event, known.kinds[event.kind])))
        if not wanted.partial:
            refuse_all("events", faults)
        scales = {each.scale for each in good if each.scale is not None}
        scale_nos = await self.scales.including(scales)
        for each in good:
            if each.scale is not None and each.scale not in scale_nos:
                faults[each.index] = [scale_fault(each.index)]
        if not wanted.partial:
            refuse_all("events", faults)
        good = [each for each in good if each.index not in faults]
        if wanted.create_items:
            known = await self._with_items((each.event for each in good), known)
        ids = [sent_id_of(event) for event in batch]
        sent = [
            sent_event(each.index, each.event, ids[each.index], each.scale, wanted.of_user)
            for each in good
        ]
        new = [
            new_event(
                each.event,
                as_sent,
                known,
                scale_nos,
                self.kept_context,
                adds_context=wanted.of_user is None,
            )
            for each, as_sent in zip(good, sent, strict=True)
        ]
        return CheckedBatch(sent, new, known.kinds, ids, faults)

    async def _look_up(self, events: Sequence[EventBody], *, create_items: bool) -> Known:
        now = datetime.now(UTC)
        kinds = await self.kinds.including(event.kind for event in events)
        if any(event.kind in kinds and value_faults(event, kinds) for event in events):
            # Somebody may have widened the bounds since the last look.
            await self.kinds.refresh()
            kinds = await self.kinds.including(())
        item_ids = {event.item_id for event in events}
        found = await self.items.find(item_ids)
        if create_items:
            # They get numbers once it is sure that their events are good.
            found = {**dict.fromkeys(item_ids, _NO_NUMBER), **found}
        return Known(
            kinds=kinds,
            item_nos=found,
            now=now,
            latest=now + timedelta(seconds=self.future_seconds),
        )

    async def _with_items(self, events: Iterable[EventBody], known: Known) -> Known:
        """The same with the items of these events that there were none of."""
        missing = {event.item_id for event in events if known.item_nos[event.item_id] == _NO_NUMBER}
        if not missing:
            return known
        await self.catalogue.create(missing)
        return replace(known, item_nos={**known.item_nos, **await self.items.find(missing)})

    async def forget(self, batch: Iterable[EventBody | RefusedEntry]) -> None:
        """Look up again what these events name: an item or a kind may be gone that was there."""
        self.items.forget(event.item_id for event in batch if isinstance(event, EventBody))
        with suppress(StoreUnavailableError):
            await self.kinds.refresh()
