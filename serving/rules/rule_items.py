"""Which items rules are about, kept in the process and followed as the catalogue changes.

A selection is read once, when a rule with it is first asked for. What changes in the catalogue is
noted as `CatalogueChanges` reads it, and a moment later only those items are read again. `position`
says how far that is: a list made with rules knows no more of the catalogue than they do.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import orjson
from cachetools import LRUCache
from numpy.typing import NDArray
from sqlalchemy import Row

from domain.errors import StoreUnavailableError
from domain.identifiers import ItemNo
from serving.filtering.language import parse_filter
from serving.postgres.replica import reading_primary
from serving.postgres.store import ReadStore
from serving.rules.resolved_rules import (
    NOTHING_RESOLVED,
    AttributeValues,
    ResolvedRules,
    SelectedItems,
    contained,
)
from serving.rules.rule import Selection
from serving.rules.rule_set import HoldingRules
from serving.runtime.budget import KNOWING_THE_USER, Budget, current, spending, until
from serving.runtime.tasks import SingleFlight
from sql.statements import as_array, statements

_RULES = statements("rules")

_MOST_SELECTIONS = 5_000
"""What was read first is forgotten beyond that."""
_MOST_RESOLVED = 1_000
RULES = "rules"
"""Why a list is less than it might be: the items of some rules are not known yet."""
_READING_SECONDS = 600.0
"""Filters have to look at every item of a large catalogue."""
_MOST_CHECKS = 100_000
"""So often one statement looks whether an item passes: a tenth of a second or two."""
_EVERYTHING_SECONDS = 2.0
"""While a load changes items by the thousand, all is read again no more often."""
_ANY = 0
"""The number that stands for any item."""


@dataclass(frozen=True, slots=True)
class _HeldValues:
    """What the available items hold of an attribute, by item; equal numbers for equal values."""

    item_nos: NDArray[np.int32]
    values: NDArray[np.int64]

    def without(self, item_nos: NDArray[np.int32]) -> "_HeldValues":
        keep = ~contained(self.item_nos, item_nos)
        return _HeldValues(self.item_nos[keep], self.values[keep])

    def together(self, other: "_HeldValues") -> "_HeldValues":
        item_nos = np.concatenate([self.item_nos, other.item_nos])
        order = np.argsort(item_nos, kind="stable")
        return _HeldValues(item_nos[order], np.concatenate([self.values, other.values])[order])

    def numbered(self) -> AttributeValues:
        """The same with numbers from 0."""
        _, values = np.unique(self.values, return_inverse=True)
        return AttributeValues(self.item_nos, values.astype(np.int32))


_NO_ITEMS = np.empty(0, dtype=np.int32)
_NO_VALUES = _HeldValues(_NO_ITEMS, np.empty(0, dtype=np.int64))


@dataclass(eq=False, slots=True)
class RuleItems:
    """The items of all rules that are asked for."""

    store: ReadStore
    position: int = field(default=-1, init=False)
    """All changes of the catalogue up to this position of the log are known here."""
    _items: dict[Selection, SelectedItems] = field(default_factory=dict, init=False)
    _values: dict[str, _HeldValues] = field(default_factory=dict, init=False)
    _resolved: LRUCache[str, ResolvedRules] = field(
        default_factory=lambda: LRUCache(_MOST_RESOLVED), init=False
    )
    """By the key of the rules, as long as nothing changes."""
    _due: dict[int, int] = field(default_factory=dict, init=False)
    """What changed and is to be read again, until it has been; by the position that it is known
    from."""
    _due_position: int = field(default=-1, init=False)
    _read_everything_at: float = field(default=0.0, init=False)
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    _flights: SingleFlight[None] = field(default_factory=SingleFlight, init=False)

    async def resolve(self, holding: HoldingRules) -> ResolvedRules:
        """The rules with their items; without those whose items cannot be read in time."""
        if not holding:
            return NOTHING_RESOLVED
        known = self._resolved.get(holding.key)
        if known is not None:
            return known
        is_known = not self._missing(holding) or await self._load_in_time(holding)
        items, values = self._items, self._values
        # Sorting the items of many rules takes longer than others should wait.
        resolved = await asyncio.to_thread(
            lambda: ResolvedRules.of(
                holding,
                {each: items[each] for each in holding.selections() if each in items},
                {each: values[each].numbered() for each in holding.attributes() if each in values},
                None if is_known else RULES,
            )
        )
        if is_known and items is self._items:
            self._resolved[holding.key] = resolved
        return resolved

    def hidden(self, holding: HoldingRules) -> frozenset[ItemNo]:
        """What rules hide, as far as it is known here; nothing is read."""
        arrays = (
            self._items[rule.selection].item_nos.tolist()
            for rule in holding.rules
            if rule.do == "hide" and rule.selection in self._items and rule.selection
        )
        return frozenset(ItemNo(no) for item_nos in arrays for no in item_nos)

    def note_changes(self, item_nos: Collection[int], position: int) -> None:
        """These items changed, and no others up to a position of the log; 0 stands for any."""
        if self._items or self._values or self._reading.locked():
            self._due |= dict.fromkeys(item_nos, position)
        self._due_position = position
        if not self._due:
            self.position = position

    async def catch_up(self) -> None:
        """Read again what changed; StoreUnavailableError if the store is away."""
        if not self._due:
            return
        rested = time.monotonic() - self._read_everything_at
        if _ANY in self._due and rested < _EVERYTHING_SECONDS:
            return
        async with self._reading:
            # While they are read they stay due: lists that are made meanwhile lack them.
            due, position = sorted(self._due), self._due_position
            with spending(Budget.of("background", _READING_SECONDS)), reading_primary():
                if _ANY in due:
                    await self._read(list(self._items), list(self._values))
                    self._read_everything_at = time.monotonic()
                else:
                    await self._read_changed(np.array(due, dtype=np.int32))
            self._due = {no: known for no, known in self._due.items() if known > position}
            self.position = position

    async def follow_time(self) -> None:
        """Read again the selections that change with the time alone."""
        moving = [each for each in self._items if each.asks_now]
        if moving:
            async with self._reading:
                with spending(Budget.of("background", _READING_SECONDS)), reading_primary():
                    await self._read(moving, [])

    def _missing(self, holding: HoldingRules) -> bool:
        return any(each not in self._items for each in holding.selections()) or any(
            each not in self._values for each in holding.attributes()
        )

    async def _load_in_time(self, holding: HoldingRules) -> bool:
        """Read what is missing; whether that is done."""
        try:
            with until(KNOWING_THE_USER):
                budget = current()
                async with asyncio.timeout(None if budget is None else budget.left()):
                    await self._flights.run(holding.key, lambda: self._load(holding))
        except (TimeoutError, StoreUnavailableError):
            return False
        return True

    async def _load(self, holding: HoldingRules) -> None:
        # Others wait for it too, and the next request has what this one could not wait for.
        with spending(Budget.of("background", _READING_SECONDS)), reading_primary():
            async with self._reading:
                await self._read(
                    [each for each in holding.selections() if each not in self._items],
                    [each for each in holding.attributes() if each not in self._values],
                )

    async def _read(self, selections: Sequence[Selection], attributes: Sequence[str]) -> None:
        """Read selections and attributes as they are now; who calls holds the lock.

        What changes meanwhile is noted, and read again after that.
        """
        found = [each for each in selections if each.filter is None]
        items = await self._load_indexed(found) if found else {}
        filters = [each for each in selections if each.filter is not None]
        parts: dict[Selection, list[NDArray[np.int32]]] = {each: [] for each in filters}
        values = dict.fromkeys(attributes, _NO_VALUES)
        async for after, last in self._ranges(len(filters)):
            asked = {**_parameters(filters), "after": after, "until": last}
            for row in await self.store.rows(_RULES["load_rule_items_between"], asked):
                parts[filters[row.place]].append(np.array(row.item_nos, dtype=np.int32))
        async for after, last in self._ranges(len(attributes)):
            asked = {"attributes": list(attributes), "after": after, "until": last}
            rows = await self.store.rows(_RULES["load_rule_values_between"], asked)
            for name, held in _held(rows).items():
                values[name] = values[name].together(held)
        for each, arrays in parts.items():
            items[each] = SelectedItems.of(np.concatenate([_NO_ITEMS, *arrays]))
        self._keep(items, values)

    async def _ranges(self, count: int) -> AsyncIterator[tuple[int, int]]:
        """Item numbers in such parts that to ask `count` things of each item does not take long."""
        if not count:
            return
        (row,) = await self.store.rows(_RULES["find_greatest_item_no"])
        greatest, step = row.item_no or 0, max(_MOST_CHECKS // count, 1)
        for after in range(0, greatest, step):
            yield after, after + step

    async def _load_indexed(
        self, selections: Sequence[Selection]
    ) -> dict[Selection, SelectedItems]:
        rows = await self.store.rows(_RULES["load_rule_items"], _parameters(selections))
        return {selections[row.place]: _selected(selections[row.place], row) for row in rows}

    async def _read_changed(self, changed: NDArray[np.int32]) -> None:
        """Read some items again; who calls holds the lock."""
        named = [each for each in self._items if each.item_ids]
        others = [each for each in self._items if not each.item_ids]
        parts: dict[Selection, list[NDArray[np.int32]]] = {each: [] for each in others}
        held = dict.fromkeys(self._values, _NO_VALUES)
        step = max(_MOST_CHECKS // max(len(others) + len(held), 1), 1)
        for first in range(0, len(changed), step):
            asked = {"item_nos": as_array(changed[first : first + step].tolist())}
            if others:
                parameters = {**_parameters(others), **asked}
                for row in await self.store.rows(_RULES["load_rule_items_among"], parameters):
                    parts[others[row.place]].append(np.array(row.item_nos, dtype=np.int32))
            if held:
                parameters = {"attributes": list(held), **asked}
                rows = await self.store.rows(_RULES["load_rule_values_among"], parameters)
                for name, found in _held(rows).items():
                    held[name] = held[name].together(found)
        items = {
            each: new
            for each, arrays in parts.items()
            if (new := _with_changed(self._items[each], changed, arrays)) is not None
        }
        if named:
            # Few, and found by an index: their order is that of their names.
            items |= await self._load_indexed(named)
        values = {
            name: known.without(changed).together(held[name])
            for name, known in self._values.items()
            if len(held[name].item_nos) or contained(known.item_nos, changed).any()
        }
        self._keep(items, values)

    def _keep(
        self, items: Mapping[Selection, SelectedItems], values: Mapping[str, _HeldValues]
    ) -> None:
        """Keep what was read, and resolve rules anew if anything is different."""
        same = all(
            each in self._items and np.array_equal(self._items[each].preferred, new.preferred)
            for each, new in items.items()
        )
        if same and not values:
            return
        kept = {**self._items, **items}
        # Who is resolving just now has the older ones, and notices by the identity.
        self._items = dict([*kept.items()][-_MOST_SELECTIONS:])
        self._values = {**self._values, **values}
        self._resolved.clear()


def _parameters(selections: Iterable[Selection]) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "selections": orjson.dumps(
            [_selection_row(place, each, now) for place, each in enumerate(selections)]
        ).decode()
    }


def _selection_row(place: int, selection: Selection, now: datetime) -> dict[str, Any]:
    if selection.filter is None:
        return {
            "place": place,
            "item_ids": list(selection.item_ids) or None,
            "category": selection.category,
        }
    expression = parse_filter(selection.filter)
    asks_fields = any(name.is_field for name in expression.names())
    return {"place": place, "path": expression.jsonpath(now), "asks_fields": asks_fields}


def _selected(selection: Selection, row: Row[Any]) -> SelectedItems:
    item_nos = np.array(row.item_nos, dtype=np.int32)
    return SelectedItems.named(item_nos) if selection.item_ids else SelectedItems.of(item_nos)


def _held(rows: Iterable[Row[Any]]) -> dict[str, _HeldValues]:
    return {
        row.name: _HeldValues(
            np.array(row.item_nos, dtype=np.int32), np.array(row.item_values, dtype=np.int64)
        )
        for row in rows
    }


def _with_changed(
    known: SelectedItems, changed: NDArray[np.int32], found: Sequence[NDArray[np.int32]]
) -> SelectedItems | None:
    """The items of a selection after some changed, of which these are in it; None: the same."""
    before = known.item_nos[contained(known.item_nos, changed)]
    after = np.concatenate([_NO_ITEMS, *found])
    if np.array_equal(before, after):
        return None
    others = known.item_nos[~contained(known.item_nos, changed)]
    return SelectedItems.of(np.union1d(others, after))
