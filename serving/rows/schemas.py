"""What POST /v1/pages may be asked, and its answer."""

import uuid
from datetime import datetime
from typing import Annotated, Any, Self

from annotated_types import Ge, Le
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, model_validator
from typing_extensions import TypeAliasType

from domain.identifiers import ItemId, UserId
from serving.answering.fields import FieldedAnswer, FieldNames, ListedItemAnswer
from serving.answering.list_values import AskedContextByName, AskedPlacement
from serving.answering.schemas import (
    DEGRADED,
    EXCLUSIONS_OF_USER,
    ExclusionKnowledge,
    RunAnswer,
    WrittenFilter,
    run_answer,
    written_filter,
)
from serving.candidates.filters import Filters
from serving.filtering.language import FilterError
from serving.http.values import ONE_NAME_OR_NONE, Identifier, Text, category_or_none
from serving.lists.request import LONGEST
from serving.non_personalized.non_personalized_list import Window
from serving.placements.schemas import (
    IN_NO_EXPERIMENT,
    OF_NO_PLACEMENT,
    NamedArm,
    NamedPlacement,
    named_arm,
    named_placement,
)
from serving.rows.page import DropReason, PageRequest, RowKind, RowRequest
from serving.rows.page_maker import AnsweredPage

MOST_ROWS = 20
_MOST_KINDS = 20
_OF: dict[str, frozenset[RowKind]] = {
    "item_id": frozenset({"because_of"}),
    "category": frozenset({"trending", "popular"}),
    "window": frozenset({"trending"}),
    "days": frozenset({"new_for_you", "continue"}),
    "begun": frozenset({"continue"}),
    "finished": frozenset({"continue"}),
    "placement": frozenset({"for_you", "new_for_you", "because_of", "trending", "popular"}),
}
"""Of which rows a parameter is."""

RowCategory = Annotated[
    str, Field(max_length=200), AfterValidator(category_or_none), ONE_NAME_OR_NONE
]
PageRowKind = TypeAliasType("PageRowKind", RowKind)
RowDropReason = TypeAliasType("RowDropReason", DropReason)
RowWindow = TypeAliasType("RowWindow", Window)

_EXAMPLES: list[JsonValue] = [
    {
        "user_id": "ann",
        "rows": [
            {"row": "continue", "title_id": "go-on", "limit": 6},
            {"row": "for_you", "title_id": "for-you"},
            {"row": "because_of", "title_id": "because", "min": 4},
            {"row": "trending", "title_id": "trending", "category": "Drama"},
            {"row": "new_for_you", "title_id": "new", "days": 14},
        ],
    }
]


class RowBody(BaseModel):
    """One row of a page."""

    model_config = ConfigDict(extra="forbid")

    row: PageRowKind = Field(
        description="for_you: recommendations. because_of: items like one. trending, popular: as"
        " for everybody, without what the user has seen. new_for_you: recommendations among items"
        " of the last days. continue: what the user has begun and not finished."
    )
    title_id: Annotated[Text, Field(min_length=1, max_length=200)] = Field(
        description="The app's name of the row, which is given back with it.", examples=["for-you"]
    )
    limit: Annotated[int, Ge(1), Le(LONGEST)] = Field(20, strict=True)
    min: Annotated[int, Ge(1), Le(LONGEST)] = Field(
        1, strict=True, description="With fewer items the row is left out, and named in dropped."
    )
    filter: WrittenFilter = None
    item_id: Identifier | None = Field(
        None,
        description="Of because_of. Left out: what the user liked last; of a second such row what"
        " was liked before that.",
    )
    category: RowCategory | None = Field(
        None,
        description="Of trending and popular; empty: the whole catalogue. Left out, of trending:"
        " the category that most of what the user liked last has.",
    )
    window: RowWindow | None = Field(None, description="Of trending. Left out: week.")
    days: Annotated[int, Ge(1), Le(3650), Field(strict=True)] | None = Field(
        None,
        description="Of new_for_you: items that came into the catalogue so lately. Of continue:"
        " begun so lately. Left out: 30.",
    )
    begun: Annotated[list[Identifier] | None, Field(min_length=1, max_length=_MOST_KINDS)] = Field(
        None, description="Of continue: event kinds that begin an item. Left out: view."
    )
    finished: Annotated[list[Identifier] | None, Field(max_length=_MOST_KINDS)] = Field(
        None,
        description="Of continue: event kinds that finish it, unless it was begun again since. Left"
        " out: purchase.",
    )

    placement: AskedPlacement = Field(
        None,
        description="Of all rows but continue: what was decided for it holds, but for the fields,"
        " which the page asks for, and whether seen items are shown, which they never are. For"
        " because_of, trending and popular it may decide on filter, limit, impressions and rules.",
    )

    @model_validator(mode="after")
    def _asks_what_the_row_has(self) -> Self:
        wrong = [
            name
            for name, kinds in _OF.items()
            if getattr(self, name) is not None and self.row not in kinds
        ]
        if wrong:
            raise ValueError(f"a row {self.row} has no {wrong[0]}: leave it out")
        if self.min > self.limit:
            raise ValueError("min is more than limit: such a row is never there")
        try:
            self._filters()
        except FilterError as error:
            # With what new_for_you asks beside it.
            raise ValueError(f"filter is too long for this row: {error}") from error
        return self

    def to_request(self) -> RowRequest:
        """What the row is to be."""
        return RowRequest(
            self.row,
            self.title_id,
            self.limit,
            self.min,
            self._filters(),
            None if self.item_id is None else ItemId(self.item_id),
            "" if self.row == "popular" and self.category is None else self.category,
            self.window or "week",
            self._days,
            tuple(self.begun or ("view",)) if self.row == "continue" else (),
            tuple(("purchase",) if self.finished is None else self.finished)
            if self.row == "continue"
            else (),
        )

    @property
    def _days(self) -> int:
        return 30 if self.days is None else self.days

    def _filters(self) -> Filters:
        wanted = [] if self.filter is None else [self.filter]
        if self.row == "new_for_you":
            wanted = [*(f"({text})" for text in wanted), f"created_at >= now - {self._days} days"]
        return Filters().also(written_filter(" and ".join(wanted))) if wanted else Filters()


class PageBody(BaseModel):
    """For whom, and which rows."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": _EXAMPLES})

    user_id: Identifier | None = Field(
        None,
        description="With a token for one user, `me` or that user. Left out: for nobody that is"
        " known.",
    )
    rows: Annotated[list[RowBody], Field(min_length=1, max_length=MOST_ROWS)] = Field(
        description="In this order they claim items: none stands in two rows."
    )
    fields: FieldNames = None
    context: AskedContextByName = None


class PageItemAnswer(ListedItemAnswer):
    """One item of a row."""

    score: float = Field(
        description="What the row is ordered by, as of the list it is; 0 of continue, and of items"
        " that only fill a row up."
    )


class BecauseOfAnswer(BaseModel):
    """The item that a row is made because of."""

    item_id: str
    title: str | None = Field(description="Null: the request named the item.")


class RowAnswer(BaseModel):
    """One row, at least as long as was asked."""

    row: PageRowKind
    title_id: str
    placement: NamedPlacement | None = Field(description=OF_NO_PLACEMENT)
    experiment: NamedArm | None = Field(description=IN_NO_EXPERIMENT)
    recommendation_id: uuid.UUID = Field(description="Give it back with the events it leads to.")
    items: list[PageItemAnswer]
    strategy: str = Field(
        description="What it was made as, as of the list it is.", examples=["blend"]
    )
    because_of: BecauseOfAnswer | None = Field(description="Of because_of.")
    category: str | None = Field(description="Of trending and popular; empty: the whole catalogue.")


class DroppedRowAnswer(BaseModel):
    """A row that is not on the page."""

    row: PageRowKind
    title_id: str
    reason: RowDropReason = Field(
        description="too_few: fewer than min. withheld: it would tell what the user did, which"
        " needs an API key with the scope users too. away: PostgreSQL did not answer in time."
    )


class PageAnswer(FieldedAnswer):
    """A page."""

    user_id: str | None
    rows: list[RowAnswer] = Field(description="In the order that was asked.")
    dropped: list[DroppedRowAnswer]
    degraded: str | None = Field(description=DEGRADED)
    exclusions: ExclusionKnowledge | None = Field(description=EXCLUSIONS_OF_USER)
    run: RunAnswer | None = Field(
        description="The model run of all rows. Null before the first run is published."
    )
    generated_at: datetime
    generation_time_ms: float


def page_request(body: PageBody, user_id: UserId | None, *, shows_history: bool) -> PageRequest:
    """What the page is to be."""
    return PageRequest(tuple(row.to_request() for row in body.rows), user_id, shows_history)


def page_answer(user_id: str | None, page: AnsweredPage) -> dict[str, Any]:
    """The fields of `PageAnswer`, ready to be written."""
    found, result = page.answer, page.answer.result
    return {
        "user_id": user_id,
        "rows": [
            {
                "row": row.request.kind,
                "title_id": row.request.title_id,
                "placement": named_placement(row.request.decision),
                "experiment": named_arm(row.request.decision),
                "recommendation_id": recommendation_id,
                "items": [
                    {"item_id": item.item_id, "title": item.title, "score": item.score}
                    for item in row.items
                ],
                "strategy": row.strategy,
                "because_of": row.because_of,
                "category": row.category,
            }
            for recommendation_id, row in zip(page.recommendation_ids, result.rows, strict=True)
        ],
        "dropped": [
            {"row": each.request.kind, "title_id": each.request.title_id, "reason": each.reason}
            for each in result.dropped
        ],
        "degraded": found.degraded,
        "exclusions": found.exclusions,
        "run": run_answer(result.run),
        "generated_at": page.generated_at,
        "generation_time_ms": found.generation_time_ms,
    }
