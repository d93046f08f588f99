"""The page of one item: all that is known of it, and where it stands."""

from collections.abc import Awaitable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeVar

from sqlalchemy import Row

from domain.errors import StoreUnavailableError
from domain.identifiers import ItemId
from serving.catalogue.catalogue import Item
from serving.catalogue.catalogue_keeping import CatalogueKeeping
from serving.placements.current_placements import CurrentPlacements
from serving.placements.definition import EVERYWHERE
from serving.placements.placement import Placement
from serving.postgres.store import ReadStore
from serving.rules.rule import Rule
from serving.runs.live_runs import LiveRuns
from serving.similar.similar import Similar, SimilarList, SimilarRequest
from sql.statements import statements

Answer = TypeVar("Answer")

DAYS = 28
"""That rollups have of items."""
DRAWN = 2_000
"""Users whose nightly lists are looked through, if there are more."""
MOST_EVENTS = 10_000
"""Of an item, the newest, that are counted by day."""
_MOST_WORDS = 12
_MOST_LOADS = 5
_SIMILAR = 10

_ITEM_PAGE = statements("item_page")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an item came from, and what the served run knows of it."""

    item_no: int
    load_no: int | None
    """The load that made it; None: it came over HTTP."""
    replaced_by: Sequence[int]
    """Loads that replaced it, the newest first."""
    users: int | None
    """Who liked it when its vector was made; None: it has no vector yet."""
    words: Sequence[str]
    """Its words that the run knows, in the form in which it knows them, those that say most first;
    not all of them."""
    terms: int
    """How many words it has in all."""


@dataclass(frozen=True, slots=True)
class Day:
    """What became of an item on one day (UTC)."""

    day: date
    likings: int
    """Events that speak for it."""
    shown: int | None
    """In how many lists it stood; None: that is not counted yet."""


@dataclass(frozen=True, slots=True)
class ItemDays:
    """The last days of an item."""

    days: Sequence[Day]
    """The oldest first, today the last."""
    events: int
    """Events that speak for it, however old; `MOST_EVENTS` at the most."""
    last_at: datetime | None
    """When the newest of them occurred."""


@dataclass(frozen=True, slots=True)
class Standing:
    """The lists an item stands in."""

    lists: int
    """Nightly lists that were looked through."""
    holding: int
    """Those of them that it stands in."""
    middle_rank: int | None
    """At which rank in the middle; None: in none."""
    is_drawn: bool
    """Whether there are more users than were looked at."""
    popular: Sequence[Row[Any]]
    """`list` and `rank` of the popular lists that it stands in."""


@dataclass(frozen=True, slots=True)
class PlacedRule:
    """A rule that names an item, or one of its categories."""

    placement: str
    rule: Rule
    experiment_id: str | None = None
    arm: str | None = None
    """The arm of a running experiment that alone has it; None: everybody who is in none."""


@dataclass(frozen=True, slots=True)
class ItemPage:
    """All that the page shows; what is None is out of reach just now."""

    item: Item
    version: str
    """Of the item: another one after each change."""
    origin: Origin | None
    days: ItemDays | None
    standing: Standing | None
    """None too if no run is served."""
    is_run_served: bool
    rules: Sequence[PlacedRule]
    alike: SimilarList | None


@dataclass(eq=False, slots=True, kw_only=True)
class ItemPageReader:
    """Reads it; whatever is out of reach is left out, but for the item itself."""

    store: ReadStore
    catalogue: CatalogueKeeping
    similar: Similar
    live_runs: LiveRuns
    placements: CurrentPlacements

    async def load(self, item_id: ItemId) -> ItemPage:
        """One item; UnknownItemError."""
        item, version = await self.catalogue.load_version(item_id)
        origin = await _or_none(self._origin(item_id))
        days = standing = None
        if origin is not None:
            days = await _or_none(self._days(origin.item_no))
            standing = await _or_none(self._standing(origin.item_no))
        return ItemPage(
            item,
            version,
            origin,
            days,
            standing,
            self.live_runs.current is not None,
            self._rules(item),
            await _or_none(self._alike(item_id)),
        )

    async def _alike(self, item_id: ItemId) -> SimilarList:
        return (await self.similar.similar(None, SimilarRequest((item_id,), _SIMILAR))).result

    async def _origin(self, item_id: ItemId) -> Origin | None:
        run = self.live_runs.current
        parameters = {
            "item_id": item_id,
            "run_id": run.run_id if run else None,
            "most_words": _MOST_WORDS,
            "most_loads": _MOST_LOADS,
        }
        rows = await self.store.rows(_ITEM_PAGE["load_item_origin"], parameters)
        return Origin(**rows[0]._asdict()) if rows else None

    async def _days(self, item_no: int) -> ItemDays:
        parameters = {"item_no": item_no, "days": DAYS, "most_events": MOST_EVENTS}
        rows = await self.store.rows(_ITEM_PAGE["load_item_days"], parameters)
        days = [Day(row.day, row.likings, row.shown) for row in rows]
        return ItemDays(days, rows[0].events, rows[0].last_at)

    async def _standing(self, item_no: int) -> Standing | None:
        run = self.live_runs.current
        if run is None:
            return None
        asked = {"run_id": run.run_id, "item_no": item_no}
        (row,) = await self.store.rows(_ITEM_PAGE["count_lists_of_item"], {**asked, "drawn": DRAWN})
        popular = await self.store.rows(_ITEM_PAGE["load_popular_ranks"], asked)
        return Standing(**row._asdict(), popular=popular)

    def _rules(self, item: Item) -> list[PlacedRule]:
        """Rules that name it, each once: those of all placements are in every one of them.

        Of the arms of experiments only those that the placement itself has not.
        """
        found: dict[tuple[str, ...], PlacedRule] = {}
        current = self.placements.current
        for name, for_everybody in sorted(current.by_name.items()):
            everybodys = _rules_about(item, for_everybody)
            found.update({(of, rule.name): PlacedRule(of, rule) for of, rule in everybodys})
            for placement in current.of_anybody(name):
                arm = placement.arm
                # Of an arm that was stopped the users get what the control decides.
                if arm is None:
                    continue
                for of, rule in _rules_about(item, placement):
                    if (of, rule) not in everybodys:
                        placed = PlacedRule(of, rule, placement.experiment_id, arm)
                        found[of, rule.name, str(placed.experiment_id), arm] = placed
        return list(found.values())


def _rules_about(item: Item, placement: Placement) -> list[tuple[str, Rule]]:
    """Those of a placement that name an item or one of its categories, with whose they are."""
    own = [(placement.name, rule) for rule in placement.definition.rules]
    everywhere = [(EVERYWHERE, rule) for rule in placement.everywhere_rules]
    return [
        (of, rule)
        for of, rule in own + everywhere
        if item.item_id in (rule.item_ids or ()) or rule.category in item.categories
    ]


async def _or_none(found: Awaitable[Answer]) -> Answer | None:
    """What is found, or None while it is out of reach."""
    with suppress(StoreUnavailableError):
        return await found
    return None
