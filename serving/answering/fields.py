"""Which fields of items an answer carries: `fields=`."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Protocol

from annotated_types import Len
from pydantic import AfterValidator, BaseModel, Field

from domain.errors import StoreUnavailableError
from domain.identifiers import ItemNo
from serving.fallback.fallback_catalogue import FallbackCatalogue
from serving.http.routing import provided
from serving.http.values import Documented, storable_text
from serving.postgres.store import ReadStore
from sql.statements import as_array, statements

_SERVING = statements("serving")

_COLUMNS = ("item_id", "title", "categories", "created_at")
_MOST_FIELDS = 50
_FIELD = rf"(?:{'|'.join(_COLUMNS)}|attributes(?:\.[^,\u0000]+)?)"
_PATTERN = f"{_FIELD}(?:,{_FIELD})*"


def _known_fields(text: str) -> str:
    wrong = [name for name in text.split(",") if not re.fullmatch(_FIELD, name, re.DOTALL)]
    if wrong:
        raise ValueError(
            f"there is no field {wrong[0][:80]!r}; there are {', '.join(_COLUMNS)}, attributes and"
            " attributes.NAME"
        )
    return text


FieldNames = Annotated[
    list[
        Annotated[
            str,
            AfterValidator(storable_text),
            AfterValidator(_known_fields),
            Documented({"pattern": f"^{_PATTERN}$"}),
        ]
    ]
    | None,
    Len(0, _MOST_FIELDS),
    Field(
        description="What each item carries: title, categories, created_at, attributes, or one of"
        " them as attributes.NAME; with commas between them, or repeated. item_id is always there."
        " Left out: title.",
        examples=[["title,categories,attributes.year"]],
    ),
]


class ListedItemAnswer(BaseModel):
    """An item of a list."""

    item_id: str = Field(examples=["stalker-1979"])
    title: str | None = Field(
        None, description="Absent only if fields does not name it.", examples=["Stalker"]
    )
    categories: list[str] | None = Field(
        None, description="As all that follow: only if fields names it; null: see fields_unknown."
    )
    created_at: datetime | None = None
    attributes: dict[str, Any] | None = Field(
        None, description="All, or those that fields names and the item has."
    )


class FieldedAnswer(BaseModel):
    """An answer whose items carry what was asked for."""

    fields_unknown: list[str] | None = Field(
        None,
        description="Only with fields: those that could not be looked up for some item, where they"
        " are null, because PostgreSQL did not answer; empty: none.",
    )


@dataclass(frozen=True, slots=True)
class AskedFields:
    """What each item of an answer is to carry beside its id."""

    columns: frozenset[str]
    attributes: frozenset[str] | None = frozenset()
    """By name; None: all."""

    @classmethod
    def of(cls, given: Sequence[str] | None) -> "AskedFields | None":
        """What was written; None: nothing was."""
        if not given:
            return None
        names = {name for text in given for name in text.split(",")}
        attributes = frozenset(
            name.removeprefix("attributes.") for name in names if name.startswith("attributes.")
        )
        return cls(
            frozenset(names.intersection(_COLUMNS)),
            None if "attributes" in names else attributes,
        )

    @property
    def looked_up(self) -> tuple[str, ...]:
        """The fields that no list holds."""
        names = [name for name in ("categories", "created_at") if name in self.columns]
        return (*names, *(() if self.attributes == frozenset() else ("attributes",)))

    def values(self, known: Mapping[str, Any]) -> dict[str, Any]:
        """The looked up fields of an item of which these are known; null where nothing is."""
        values = {name: known.get(name) for name in self.looked_up}
        given = values.get("attributes")
        if given is not None and self.attributes is not None:
            values["attributes"] = {name: given[name] for name in given if name in self.attributes}
        return values


class _Listed(Protocol):
    @property
    def item_no(self) -> ItemNo: ...


class _List(Protocol):
    @property
    def strategy(self) -> str: ...

    @property
    def items(self) -> Sequence[_Listed]: ...


_Known = Mapping[ItemNo, Mapping[str, Any]]


@dataclass(eq=False, slots=True)
class ItemFields:
    """Looks up what items are to carry, if anything was asked for."""

    store: ReadStore
    fallback: FallbackCatalogue

    async def put(
        self, answer: dict[str, Any], result: _List, given: Sequence[str] | None
    ) -> dict[str, Any]:
        """The answer, its items with the fields asked for; they stand as in the list."""
        asked = AskedFields.of(given)
        if asked is None:
            return answer
        item_nos = [item.item_no for item in result.items]
        known = await self._known(item_nos, asked, result.strategy) if asked.looked_up else {}
        unknown = set()
        for item_no, item in zip(item_nos, answer["items"], strict=True):
            if "title" not in asked.columns:
                del item["title"]
            values = asked.values(known.get(item_no, {}))
            unknown |= {name for name, value in values.items() if value is None}
            item.update(values)
        return {**answer, "fields_unknown": sorted(unknown)}

    async def _known(self, item_nos: Sequence[ItemNo], asked: AskedFields, strategy: str) -> _Known:
        """From the catalogue; what is in memory where that is away."""
        if strategy != "fallback":
            try:
                return await self._load(item_nos, asked)
            except StoreUnavailableError:
                pass
        return dict(self._in_memory(item_nos))

    async def _load(self, item_nos: Sequence[ItemNo], asked: AskedFields) -> _Known:
        names = asked.attributes
        parameters = {
            "item_nos": as_array(item_nos),
            "with_attributes": "attributes" in asked.looked_up,
            "names": None if names is None else sorted(names),
        }
        rows = await self.store.rows(_SERVING["load_item_fields"], parameters)
        return {ItemNo(row.item_no): row._asdict() for row in rows}

    def _in_memory(self, item_nos: Sequence[ItemNo]) -> Iterable[tuple[ItemNo, Mapping[str, Any]]]:
        for item_no in item_nos:
            document = self.fallback.find_document(item_no)
            if document is not None:
                yield (
                    item_no,
                    {
                        "categories": document.fields["category"],
                        "created_at": document.fields["created_at"],
                        "attributes": document.attributes,
                    },
                )


FromItemFields = Annotated[ItemFields, provided(ItemFields)]
