"""What the items of rules know of the catalogue, while it changes."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

from serving.postgres.store import ReadStore
from serving.rules.rule import Rule
from serving.rules.rule_items import RuleItems
from serving.rules.rule_set import HoldingRules
from tests.serving.conftest import happened


@dataclass
class SlowStore:
    """Has no item for any selection, and says so when it is let."""

    let: asyncio.Event = field(default_factory=asyncio.Event)
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def rows(self, _query: object, parameters: Mapping[str, Any] = {}) -> Sequence[Any]:
        self.asked.set()
        await self.let.wait()
        selections = json.loads(parameters["selections"])
        return [SimpleNamespace(place=each["place"], item_nos=[]) for each in selections]


async def test_what_is_being_read_is_not_known_yet_however_quiet_it_is_meanwhile() -> None:
    store = SlowStore()
    items = RuleItems(cast("ReadStore", store))
    rule = Rule.model_validate({"name": "hide", "do": "hide", "category": "Drama"})
    store.let.set()
    await items.resolve(HoldingRules.of([rule]))
    items.note_changes([], 10)
    assert items.position == 10
    store.let.clear()
    store.asked.clear()
    items.note_changes([7], 20)
    reading = asyncio.create_task(items.catch_up())
    await happened(store.asked)
    items.note_changes([], 30)
    assert items.position == 10
    items.note_changes([8], 40)
    store.let.set()
    await reading
    # As far as it was known when the reading began: of what came meanwhile some is still due.
    assert items.position == 20
    await items.catch_up()
    assert items.position == 40
