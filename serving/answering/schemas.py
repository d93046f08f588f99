"""What answers with lists have in common, and what queries for them take."""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le
from fastapi import Query
from pydantic import AfterValidator, BaseModel, Field, StringConstraints
from typing_extensions import TypeAliasType

from domain.identifiers import UserId
from serving.answering.fields import FieldNames
from serving.candidates.filters import Filters, OtherThanItems, Passes
from serving.exclusions.exclusions import Knowledge
from serving.filtering.language import LONGEST_FILTER, FilterError, parse_filter
from serving.http.values import (
    AS_INTEGER,
    MOST_LEFT_OUT,
    Documented,
    Identifier,
    UserIdentifier,
    storable_text,
)
from serving.lists.cursor import LONGEST_CURSOR
from serving.lists.request import LONGEST
from serving.runs.live_runs import LiveRun

FoundSource = Literal["cache", "similar", "search", "words", "popular", "fallback"]
FoundItemsSource = TypeAliasType("FoundItemsSource", FoundSource)
ExclusionKnowledge = TypeAliasType("ExclusionKnowledge", Knowledge)

MOST_CATEGORIES = 50

EXCLUDE_SEEN = "Whether items that the user has seen stay out, too; needs user_id."
DEGRADED = (
    "Why the list is less than it might have been, as postgres_timeout; redis_away: it is as good"
    " as ever, but every list is made anew. Null: nothing is amiss."
)
CATEGORIES_MEANT = (
    "Of an empty list: categories asked for that no item has, with the ones that differ from them"
    " in upper and lower case or accents only. Categories are taken exactly as they are stored."
)
EXCLUSIONS = (
    "unknown: all that this user has seen, disliked or hidden could not be looked up just now, so"
    " the list may show some of it. known: it shows none."
)
EXCLUSIONS_OF_USER = f"{EXCLUSIONS} Null: the list is for no user."


def _parsable(text: str) -> str:
    try:
        parse_filter(text)
    except FilterError as error:
        raise ValueError(str(error)) from error
    return text


def written_filter(text: str) -> Passes:
    """A filter in the language of `filter`, which has been found to be one."""
    return Passes(text, parse_filter(text))


def asked_filters(
    category: Iterable[str] | None,
    exclude_category: Iterable[str] | None,
    exclude: Collection[str] | None,
    written: str | None,
) -> Filters:
    """What the items are to meet, by the parameters of these names and that of `filter`."""
    filters = Filters.of(category or (), exclude_category or ())
    if exclude:
        filters = filters.also(OtherThanItems(frozenset(exclude)))
    return filters if written is None else filters.also(written_filter(written))


WrittenFilter = Annotated[
    Annotated[str, AfterValidator(storable_text), AfterValidator(_parsable)] | None,
    Documented({"minLength": 1, "maxLength": LONGEST_FILTER}),
    Field(
        description="Only items that pass: comparisons of attributes (=, !=, <, <=, >, >=, in, not"
        " in, starts with, exists, missing) with texts in quotes, numbers, true, false, time"
        ' "2026-03-01", now - 7 days, or user.NAME; with and, or, not and brackets. category,'
        " title, item_id and created_at are names too.",
        examples=['year >= 1990 and genre in ("Comedy", "Drama")'],
    ),
]


LeftOut = Annotated[
    list[Identifier] | None,
    Field(
        max_length=MOST_LEFT_OUT,
        description="An item that is to be left out; may be repeated.",
        examples=[["stalker-1979"]],
    ),
]


class FilterQuery(BaseModel):
    """Conditions on the items of a list; the parameters of a query are a subclass."""

    category: Annotated[
        list[Identifier] | None,
        Field(
            max_length=MOST_CATEGORIES,
            description="Only items of this category, written exactly so; repeated, of any of"
            " these.",
            examples=[["Comedy"]],
        ),
    ] = None
    exclude_category: Annotated[
        list[Identifier] | None,
        Field(
            max_length=MOST_CATEGORIES,
            description="No item of this category; may be repeated.",
            examples=[["Horror"]],
        ),
    ] = None

    exclude: LeftOut = None

    limit: Annotated[int, Ge(1), Le(LONGEST), AS_INTEGER, Field(description="How many items.")] = 20

    filter: WrittenFilter = None

    fields: FieldNames = None

    def filters(self) -> Filters:
        """What the items are to meet."""
        return asked_filters(self.category, self.exclude_category, self.exclude, self.filter)


Cursor = Annotated[
    Annotated[str, StringConstraints(max_length=LONGEST_CURSOR)] | None,
    Field(
        description="Where the list goes on: the `next` of the answer before, with the same"
        " parameters but limit. No item comes twice. Left out: from the beginning."
    ),
]
NEXT = (
    "Give it as cursor to go on, within a day. Null: the list ends here, or cannot be gone on with."
)

Limit = Annotated[int, Ge(1), Le(LONGEST), AS_INTEGER, Query(description="How many items.")]


class FindingQuery(FilterQuery):
    """How many items, for whom, and which."""

    user_id: Annotated[
        UserIdentifier | None,
        Field(
            description="For whom: what the user disliked or hid stays out.",
            examples=["ann"],
        ),
    ] = None

    def user(self) -> UserId | None:
        """The user asked for."""
        return None if self.user_id is None else UserId(self.user_id)


class ScrolledQuery(FindingQuery):
    """The same of a list that goes on until nothing eligible is left."""

    cursor: Cursor = None


class RunAnswer(BaseModel):
    """The model run the whole answer comes from."""

    id: int
    cut_off_at: datetime = Field(description="The run has learned from what was stored before.")
    age_seconds: float = Field(description="Seconds since the cut-off.")


def run_answer(run: LiveRun | None) -> dict[str, Any] | None:
    """The fields of `RunAnswer`."""
    if run is None:
        return None
    age = (datetime.now(UTC) - run.cut_off_at).total_seconds()
    return {"id": run.run_id, "cut_off_at": run.cut_off_at, "age_seconds": round(age, 3)}


_PACKAGE_VERSION = version("tandem-recommender")


def algorithm_version(run: LiveRun | None) -> str:
    """What tells lists apart that were made in another way; see `ListedAnswer`."""
    parameters = "" if run is None or not run.parameters_version else f"+{run.parameters_version}"
    return f"{_PACKAGE_VERSION}{parameters}"
