"""What a caller may say about a load; whatever is not said is seen from the data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from domain.errors import InvalidInputError
from domain.limits import KEPT_CONTEXT
from loading.words import MEANINGS, is_meaning

NO_COLUMN = "-"
"""Stands for the column of a meaning that no column has."""
ALL_ATTRIBUTES = "all"
"""Takes every column of an item file that nothing else reads."""


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How files are to be read. None and empty: seen from the data."""

    columns: Mapping[str, str] = field(default_factory=dict)
    """The file's column of a meaning such as `user_id`: a name, a number counted from 1, `-` for
    none, or of a time or an item two, as in `day+clock`."""
    kind: str | None = None
    """The kind of all events."""
    kinds: Mapping[str, str | None] = field(default_factory=dict)
    """Our kind for a word of the file; None: events of that word are left out."""
    header: bool | None = None
    separator: str | None = None
    encoding: str | None = None
    time_zone: str = "UTC"
    """The zone of times that name none."""
    day_first: bool | None = None
    """Whether 3/4/2020 is in April."""
    scale: str | None = None
    """The scale of the ratings, `least:greatest`."""
    no_times: bool = False
    """The events have no times: all happened when they are loaded."""
    create_items: bool | None = None
    """Whether events make the items that the catalogue lacks; None: if it has none at all."""
    attributes: tuple[str, ...] = ()
    """Columns of items that become attributes."""
    order_ids: bool | None = None
    """Whether ids of events are those of orders, of which each item is an event."""
    layout: str | None = None
    """The name of a known layout."""
    query: str | None = None
    """What is asked of a database."""
    user: str | None = None
    """The id of the person who did all of it; None: a column says who."""
    split: str | None = None
    """What joins several ids in the column of items; `-`: each is one id."""
    guests: str | None = None
    """Ids of users that stand for nobody, with commas; `-`: there are none."""
    kept_context: tuple[str, ...] = KEPT_CONTEXT
    """Names of contexts that are kept."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer to a question, and what it changes in the options."""

    label: str
    option: str
    """How the same is said on the command line."""
    changes: Mapping[str, Any]


class AmbiguousInputError(InvalidInputError):
    """The data can be read in more than one way, and only its owner knows which is meant."""

    def __init__(self, question: str, choices: Sequence[Choice]) -> None:
        options = " or ".join(choice.option for choice in choices)
        super().__init__(f"{question} Say {options}.")
        self.question = question
        self.choices = tuple(choices)


def column_options(given: Sequence[str]) -> dict[str, str]:
    """`user_id=reviewerID` and the like; InvalidInputError if one is not of that form."""
    columns = {}
    for text in given:
        meaning, equals, column = text.partition("=")
        if not equals or not column or not is_meaning(meaning):
            raise InvalidInputError(
                f"--column {text} is not MEANING=COLUMN; the meanings are {', '.join(MEANINGS)},"
                " and context.NAME."
            )
        columns[meaning] = column
    return columns


def kind_options(given: Sequence[str]) -> dict[str, str | None]:
    """`watched=view`, or `watched=-` to leave such events out; InvalidInputError otherwise."""
    kinds: dict[str, str | None] = {}
    for text in given:
        word, equals, kind = text.rpartition("=")
        if not equals or not word or not kind:
            raise InvalidInputError(f"--map-kind {text} is not WORD=KIND, or WORD=- to leave out.")
        kinds[word] = None if kind == "-" else kind
    return kinds
