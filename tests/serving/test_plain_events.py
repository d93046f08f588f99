"""What is found out of a plain event at once is what all checks find of it."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from domain.errors import TandemError
from domain.identifiers import ItemNo, KindNo, ScaleNo
from domain.interactions import EventKind, Scale
from serving.answering.kept_context import KeptContext
from serving.events.checking import ALL_OR_NONE, CheckedBatch, EventChecker
from serving.events.schemas import EventBody

KINDS = {
    kind.kind: kind
    for kind in (
        EventKind(KindNo(1), "view", 1.0, False),
        EventKind(KindNo(2), "rate", 3.0, True, smallest_value=1.0, greatest_value=5.0),
        EventKind(KindNo(3), "dislike", -1.0, True),
    )
}
ITEMS = {"film-1": ItemNo(1), "film-2": ItemNo(2)}
NOW = datetime.now(UTC)
EVENTS = st.fixed_dictionaries(
    {
        "user_id": st.sampled_from(["ann", "bob"]),
        "item_id": st.sampled_from(["film-1", "film-2", "film-99"]),
        "kind": st.sampled_from(["view", "dislike", "rate", "addtocart", "stare"]),
        "event_id": st.sampled_from(["e-1", "6f1f0e2a-4a3e-4d5c-9a63-1d4f0a7b8c9d"]),
    },
    optional={
        "value": st.sampled_from([None, 4.0, 11.0]),
        "scale": st.sampled_from([None, "1:10"]),
        "context": st.sampled_from([None, {}, {"device": "phone"}]),
        "recommendation_id": st.sampled_from([None, "6f1f0e2a-4a3e-4d5c-9a63-1d4f0a7b8c9d"]),
        "occurred_at": st.one_of(
            st.none(),
            st.datetimes(datetime(1960, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001
            st.integers(-80_000, 80_000).map(lambda seconds: NOW + timedelta(seconds=seconds)),
        ),
    },
)


class KnownKinds:
    at_hand = KINDS

    async def including(self, _names: Iterable[str]) -> Mapping[str, EventKind]:
        return KINDS

    async def refresh(self) -> None:
        pass


class KnownItems:
    def at_hand(self, item_id: str) -> ItemNo | None:
        return ITEMS.get(item_id)

    async def find(self, item_ids: Iterable[str]) -> dict[str, ItemNo]:
        return {item_id: ITEMS[item_id] for item_id in item_ids if item_id in ITEMS}


class NoItems(KnownItems):
    """Knows none without asking, so that an event takes all checks."""

    def at_hand(self, item_id: str) -> None:
        pass


class KnownScales:
    async def including(self, scales: Iterable[Scale]) -> Mapping[Scale, ScaleNo]:
        return dict.fromkeys(scales, ScaleNo(1))


def checker(items: KnownItems) -> EventChecker:
    return EventChecker(
        kinds=cast("Any", KnownKinds()),
        scales=cast("Any", KnownScales()),
        items=cast("Any", items),
        catalogue=cast("Any", None),
        future_seconds=60.0,
        kept_context=KeptContext(),
    )


def found(items: KnownItems, event: EventBody) -> Any:
    """What is found out of an event, but for when it came in where it has no time."""
    try:
        batch: CheckedBatch = asyncio.run(checker(items).checked([event], ALL_OR_NONE))
    except TandemError as error:
        return type(error)
    new = [event if event.time_given else replace(event, occurred_at=NOW) for event in batch.new]
    return replace(batch, new=new)


@given(EVENTS)
def test_a_plain_event_is_taken_as_all_checks_take_it(body: dict[str, Any]) -> None:
    event = EventBody.model_validate(body)
    assert found(KnownItems(), event) == found(NoItems(), event)
