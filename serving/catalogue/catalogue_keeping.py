"""What apps do with the catalogue, and cached answers that stay true to it."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Protocol

from pydantic import ValidationError

from domain.errors import StoreUnavailableError, UnknownItemError
from domain.identifiers import ItemId
from serving.answering.schemas import written_filter
from serving.candidates.filters import Filters
from serving.catalogue.catalogue import (
    Catalogue,
    CountedCategory,
    DeletedItem,
    Item,
    ItemPage,
    StoredItem,
)
from serving.catalogue.schemas import (
    ITEM_ATTRIBUTES,
    MOST_COUNTED,
    ItemBatchAnswer,
    ItemBody,
    ItemEntry,
    ItemPatch,
    ItemsQuery,
)
from serving.filtering.expression import OwnValue
from serving.http.cursors import decoded_number
from serving.http.entries import RefusedEntry, batch_answer, entry_faults, refuse_all
from serving.http.errors import faults_of
from serving.http.merge_patch import merge_patch
from serving.redis.answers import Answers
from serving.runtime.budget import ask_without_blame
from serving.runtime.faults import Fault, ItemConflictError, invalid_request

_ATTEMPTS = 5


class ItemFallback(Protocol):
    """Items kept in memory, which must follow the catalogue."""

    def leave_out(self, item_id: ItemId) -> None:
        """No longer show an item, which is not available any more."""

    def update_categories(self, item_id: ItemId, categories: Sequence[str]) -> None:
        """Know an item as one of these categories from now on."""


@dataclass(eq=False, slots=True)
class CatalogueKeeping:
    """Reads and writes items, and keeps cached answers true to them."""

    catalogue: Catalogue
    answers: Answers
    fallbacks: Sequence[ItemFallback]

    async def load(self, item_id: ItemId) -> Item:
        """An item; UnknownItemError if there is none of that name."""
        item = await self.catalogue.find_item(item_id)
        if item is None:
            raise _unknown(item_id)
        return item

    async def load_version(self, item_id: ItemId) -> tuple[Item, str]:
        """The same, with its version, which is another one after each change."""
        found = await self.catalogue.find_version(item_id)
        if found is None:
            raise _unknown(item_id)
        return found

    async def list(self, query: ItemsQuery) -> ItemPage:
        """Items of the catalogue; FaultyInputError for a filter that asks for a user's own."""
        filters = Filters.of(query.category or (), query.exclude_category or ())
        if query.filter is not None:
            written = written_filter(query.filter)
            if any(isinstance(operand, OwnValue) for operand in written.expression.operands()):
                detail = "`user.` stands for the attributes of a user: there is none here."
                raise invalid_request([Fault("query:filter", detail)])
            filters = filters.also(written)
        # Each item of the catalogue is looked at, and whoever asks says how long that takes.
        ask_without_blame()
        page = await self.catalogue.list_items(
            filters,
            available=query.available,
            after=decoded_number(query.cursor),
            most=query.limit,
        )
        if query.total:
            with suppress(StoreUnavailableError):
                total = await self.catalogue.count_items(
                    filters, available=query.available, most=MOST_COUNTED + 1
                )
                most = MOST_COUNTED
                return replace(page, total=min(total, most), total_is_exact=total <= most)
        return page

    async def list_categories(self, *, after: str | None, most: int) -> Sequence[CountedCategory]:
        """Categories after a name, in the order of their names."""
        ask_without_blame()
        return await self.catalogue.list_categories(after=after, most=most)

    async def store(self, item_id: ItemId, fields: Mapping[str, Any]) -> StoredItem:
        """Create or replace an item.

        No cached answer shows it any more where it may not be shown now: anywhere, if it is no
        longer available, and in lists of a category or without one, if its categories changed.
        """
        stored = await self.catalogue.store_items([(item_id, fields)])
        await self._make_known(stored.values())
        return stored[item_id]

    async def store_batch(
        self, entries: Sequence[ItemEntry | RefusedEntry], *, partial: bool
    ) -> ItemBatchAnswer:
        """Create or replace items, all of them or, if `partial`, those that are good.

        FaultyInputError names all that is wrong; then nothing is stored.
        """
        found = entry_faults("items", entries, "item_id")
        if not partial:
            refuse_all("items", found)
        good = [
            entry
            for index, entry in enumerate(entries)
            if index not in found and isinstance(entry, ItemEntry)
        ]
        bodies = [(entry.item_id, entry.model_dump(exclude={"item_id"})) for entry in good]
        stored = await self.catalogue.store_items(bodies) if bodies else {}
        await self._make_known(stored.values())
        answer = batch_answer(entries, "item_id", found, lambda item_id: stored[item_id].created)
        return ItemBatchAnswer(**answer)

    async def create(self, item_ids: Iterable[str]) -> None:
        """Create those items that there are none of, titled by their ids."""
        for item_id in await self.catalogue.create_items(item_ids):
            for fallback in self.fallbacks:
                fallback.update_categories(item_id, ())

    async def patch(self, item_id: ItemId, patch: ItemPatch) -> StoredItem:
        """Change an item by a merge patch; of two at once each counts.

        UnknownItemError if there is none of that name, and FaultyInputError if the patch would make
        it one that cannot be.
        """
        for _ in range(_ATTEMPTS):
            found = await self.catalogue.find_version(item_id)
            if found is None:
                raise _unknown(item_id)
            item, version = found
            changes = _changes(item, patch)
            if not changes:
                return StoredItem(
                    item,
                    created=False,
                    became_available=False,
                    became_unavailable=False,
                    changed_categories=False,
                )
            stored = await self.catalogue.change_item(item_id, version, changes)
            if stored is not None:
                await self._make_known([stored])
                return stored
        raise StoreUnavailableError(
            "Others were writing the same item all the time. Try again shortly.", reason="conflict"
        )

    async def replace(self, item_id: ItemId, version: str, fields: Mapping[str, Any]) -> None:
        """Replace all that is said of an item, if it is still of this version.

        ItemConflictError if it is of another one, UnknownItemError if there is none of that name.
        """
        item, current = await self.load_version(item_id)
        if current != version:
            raise ItemConflictError
        changes = {name: value for name, value in fields.items() if value != getattr(item, name)}
        if not changes:
            return
        stored = await self.catalogue.change_item(item_id, version, changes)
        if stored is None:
            raise ItemConflictError
        await self._make_known([stored])

    async def delete(self, item_id: ItemId) -> DeletedItem:
        """Take an item out of the catalogue and of all lists; harmless twice.

        UnknownItemError if there never was one of that name.
        """
        deleted = await self.catalogue.delete_item(item_id)
        if deleted is None:
            raise _unknown(item_id)
        # The second time too: whoever was first may have died before doing this.
        for fallback in self.fallbacks:
            fallback.leave_out(item_id)
        await self.answers.note_catalogue_change()
        return deleted

    async def _make_known(self, stored: Iterable[StoredItem]) -> None:
        drops = False
        for each in stored:
            item_id = ItemId(each.item.item_id)
            if each.became_unavailable:
                for fallback in self.fallbacks:
                    fallback.leave_out(item_id)
            elif each.became_available or each.changed_categories:
                for fallback in self.fallbacks:
                    fallback.update_categories(item_id, each.item.categories)
            drops = drops or each.became_unavailable or each.changed_categories
        if drops:
            await self.answers.note_catalogue_change()


def _unknown(item_id: ItemId) -> UnknownItemError:
    return UnknownItemError(f"There is no item {item_id!r}.")


def _changes(item: Item, patch: ItemPatch) -> dict[str, Any]:
    """What a patch makes different, checked as a whole; null is the default of a new item."""
    defaults = {
        name: field.get_default(call_default_factory=True)
        for name, field in ItemBody.model_fields.items()
        if name != "title"
    }
    given = patch.model_dump(exclude_unset=True)
    changes = {name: defaults[name] if value is None else value for name, value in given.items()}
    if given.get("attributes") is not None:
        changes["attributes"] = _checked(merge_patch(item.attributes, given["attributes"]))
    return {name: value for name, value in changes.items() if value != getattr(item, name)}


def _checked(attributes: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return ITEM_ATTRIBUTES.validate_python(attributes)
    except ValidationError as error:
        faults = faults_of(error.errors())
        raise invalid_request(
            [Fault(f"/attributes{fault.pointer}", fault.detail) for fault in faults]
        ) from error
