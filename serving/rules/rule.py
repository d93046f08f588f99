"""One rule: which items, what is done with them, and for whom and when."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal, Self

from annotated_types import Ge, Le
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictFloat,
    StrictInt,
    StringConstraints,
    model_validator,
)
from typing_extensions import TypeAliasType

from serving.filtering.expression import Expression, Moment, OwnValue
from serving.filtering.language import LONGEST_FILTER, FilterError, parse_filter
from serving.http.values import WITHOUT_NUL, Documented, Identifier, storable_text
from serving.http.values import Moment as Time

Act = Literal["boost", "bury", "pin", "hide", "cap", "reserve"]
RuleAct = TypeAliasType("RuleAct", Act)

MOST_RULES = 100
"""In one placement."""
MOST_RULE_ITEMS = 1_000
"""That one rule names by their ids."""
LONGEST_LIST = 100
"""Positions, and windows of them."""
MOST_PINNED = 20
"""That one pin names: it shows one of them, and each list looks them up."""
MOST_FACTOR = 100.0
_MOST_NAMES = 10
"""Of the context, in one condition."""
_MOST_VALUES = 50
_LONGEST_NAME = 100

_PARAMETERS: Mapping[Act, tuple[frozenset[str], frozenset[str]]] = {
    "boost": (frozenset({"factor"}), frozenset()),
    "bury": (frozenset({"factor"}), frozenset()),
    "pin": (frozenset({"position"}), frozenset()),
    "hide": (frozenset(), frozenset()),
    "cap": (frozenset({"at_most"}), frozenset({"window", "attribute"})),
    "reserve": (frozenset({"at_least"}), frozenset()),
}
"""What each act must have, and what it may have; no other act has it."""


def _expression(text: str) -> Expression:
    try:
        return parse_filter(text)
    except FilterError as error:
        raise ValueError(str(error)) from error


def _of_items(text: str) -> str:
    """ValueError for a filter that is another one for each user."""
    if any(isinstance(each, OwnValue) for each in _expression(text).operands()):
        raise ValueError(
            "a rule's items are the same for everybody: leave `user.` out of filter, and say in"
            " users for whom the rule is"
        )
    return text


def _of_users(text: str) -> str:
    """ValueError for a filter that asks for what users do not have."""
    expression = _expression(text)
    if any(isinstance(each, OwnValue) for each in expression.operands()):
        raise ValueError('users asks for attributes of the user by their names: country = "DE"')
    for name in expression.names():
        if name.is_field:
            field_name = name.path[0]
            raise ValueError(
                f"users have no {field_name}; write attributes.{field_name} if it is an attribute"
            )
    return text


_LONGEST_TEXT = Documented({"minLength": 1, "maxLength": LONGEST_FILTER})
_FilterOfItems = Annotated[
    str, AfterValidator(storable_text), AfterValidator(_of_items), _LONGEST_TEXT
]
_FilterOfUsers = Annotated[
    str, AfterValidator(storable_text), AfterValidator(_of_users), _LONGEST_TEXT
]
_Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=_LONGEST_NAME),
    AfterValidator(storable_text),
    WITHOUT_NUL,
]
_Positions = Annotated[StrictInt, Ge(1), Le(LONGEST_LIST)]
When = Annotated[
    dict[_Name, Annotated[list[_Name], Field(min_length=1, max_length=_MOST_VALUES)]],
    Field(
        min_length=1,
        max_length=_MOST_NAMES,
        description="What the request must say of its context: of each name one of the values.",
        examples=[{"device": ["phone", "tablet"]}],
    ),
]
"""A condition on the context of a request."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The items that a rule is about; one of the three is given."""

    item_ids: tuple[str, ...] = ()
    """In the order in which they were named."""
    category: str | None = None
    filter: str | None = None

    @property
    def asks_now(self) -> bool:
        """Whether its items change with the time alone."""
        operands = parse_filter(self.filter).operands() if self.filter else ()
        return any(isinstance(each, Moment) and each.at is None for each in operands)

    @property
    def asks_attributes(self) -> bool:
        """Whether its items change with their attributes."""
        return self.filter is not None


class Rule(BaseModel):
    """What is done with some items of a list, for whom, and from when until when.

    boost and bury multiply the blended score of the items by `factor`; pin puts the first of them
    that may be shown at `position`; hide leaves them out; cap has at most `at_most` of them in any
    `window` positions in a row; reserve has at least `at_least` of them in the list.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [
                {"name": "new films", "do": "boost", "filter": "year >= 2020", "factor": 2.0},
                {"name": "film of the week", "do": "pin", "item_ids": ["heat"], "position": 1},
                {"name": "brands", "do": "cap", "attribute": "brand", "at_most": 2, "window": 5},
            ]
        },
    )

    name: _Name = Field(description="Unlike that of any other rule of the placement.")
    do: RuleAct
    item_ids: tuple[Identifier, ...] | None = Field(
        None,
        min_length=1,
        max_length=MOST_RULE_ITEMS,
        description="The items; of these, a category and a filter give one.",
        examples=[["stalker-1979"]],
    )
    category: Identifier | None = Field(
        None, description="All items of it, written exactly so.", examples=["Comedy"]
    )
    filter: _FilterOfItems | None = Field(
        None,
        description="All items that pass, in the language of the parameter `filter`. It may ask for"
        " now, but for nothing of the user's.",
        examples=["year >= 2020"],
    )
    factor: Annotated[StrictFloat | StrictInt, Ge(0), Le(MOST_FACTOR)] | None = Field(
        None,
        description="boost: what the score is multiplied by, above 1. bury: below 1; 0 puts the"
        " items behind all others.",
    )
    position: _Positions | None = Field(
        None, description="pin: where, from 1. In a shorter list the item is not pinned."
    )
    at_most: _Positions | None = Field(
        None, description="cap: how many. More are shown rather than too short a list."
    )
    window: Annotated[StrictInt, Ge(2), Le(LONGEST_LIST)] | None = Field(
        None, description="cap: in how many positions in a row. Null: in the whole list."
    )
    attribute: _Name | None = Field(
        None,
        description="cap: instead of items: of each value of this attribute so many; `category`: of"
        " each category.",
        examples=["brand"],
    )
    at_least: _Positions | None = Field(
        None, description="reserve: how many, as far as there are so many that may be shown."
    )
    users: _FilterOfUsers | None = Field(
        None,
        description="Only for users whose attributes pass, in the language of `filter`. Null: for"
        " everybody.",
        examples=['country = "DE" and premium = true'],
    )
    when: When | None = None
    starts_at: Time | None = Field(None, description="Null: it holds already.")
    ends_at: Time | None = Field(None, description="From then on it does not hold. Null: for good.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        """ValueError for a rule that contradicts itself."""
        faults = [*_faults_of_parameters(self), *_faults_of_items(self), *_faults_of_numbers(self)]
        if faults:
            raise ValueError("; ".join(faults))
        return self

    @property
    def selection(self) -> Selection | None:
        """The items it is about; None: it caps each value of an attribute."""
        if self.attribute is not None:
            return None
        return Selection(self.item_ids or (), self.category, self.filter)

    @property
    def asks_attributes(self) -> bool:
        """Whether what it does changes with attributes of items."""
        return self.filter is not None or self.attribute not in {None, "category"}

    @property
    def asks_now(self) -> bool:
        """Whether its items change with the time alone."""
        return self.selection is not None and self.selection.asks_now

    def holds_at(self, now: datetime) -> bool:
        """Whether it has begun and not ended."""
        return (self.starts_at is None or self.starts_at <= now) and (
            self.ends_at is None or now < self.ends_at
        )

    def holds_in(self, context: Mapping[str, str]) -> bool:
        """Whether a request with this context meets its condition."""
        return all(context.get(name) in values for name, values in (self.when or {}).items())


def _faults_of_parameters(rule: Rule) -> Iterator[str]:
    needed, allowed = _PARAMETERS[rule.do]
    names = sorted(set().union(*(each | more for each, more in _PARAMETERS.values())))
    for name in names:
        has_value = getattr(rule, name) is not None
        if name in needed and not has_value:
            yield f"{rule.do} needs {name}"
        if has_value and name not in needed | allowed:
            acts = sorted(act for act, each in _PARAMETERS.items() if name in each[0] | each[1])
            yield f"{rule.do} has no {name}: it belongs to {' and '.join(acts)}"


def _faults_of_items(rule: Rule) -> Iterator[str]:
    given = [rule.item_ids, rule.category, rule.filter, rule.attribute]
    ways = "item_ids, category, filter" + (", attribute" if rule.do == "cap" else "")
    # An attribute of another act has been found fault with already.
    if sum(each is not None for each in given) != 1 and (rule.do == "cap" or not rule.attribute):
        yield f"give one of {ways}"
    if rule.item_ids is not None and len(set(rule.item_ids)) < len(rule.item_ids):
        yield "item_ids names an item twice"
    if rule.do == "pin" and len(rule.item_ids or ()) > MOST_PINNED:
        yield f"pin shows one of its items: give at most {MOST_PINNED} item_ids"


def _faults_of_numbers(rule: Rule) -> Iterator[str]:
    if rule.do == "boost" and rule.factor is not None and rule.factor <= 1:
        yield "boost needs a factor above 1; bury takes one below"
    if rule.do == "bury" and rule.factor is not None and rule.factor >= 1:
        yield "bury needs a factor below 1; boost takes one above"
    if rule.window is not None and rule.at_most is not None and rule.at_most >= rule.window:
        yield f"at most {rule.at_most} in any {rule.window} positions is no cap: make window larger"
    if rule.starts_at and rule.ends_at and rule.starts_at >= rule.ends_at:
        yield "ends_at must be later than starts_at"


def _distinct(rules: list[Rule]) -> list[Rule]:
    """ValueError for two rules of one name."""
    names = [rule.name for rule in rules]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"two rules have the name {twice[0]!r}; each needs a name of its own")
    return rules


Rules = Annotated[
    list[Rule],
    Field(max_length=MOST_RULES, description="In the order in which they are applied."),
    AfterValidator(_distinct),
]
"""The rules of one placement."""
