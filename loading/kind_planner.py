"""Which kinds the events of a table have."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from domain.errors import InvalidInputError
from domain.event_words import kind_of_word
from loading.event_times import ask_about_times, kind_done_at, times_of_kinds
from loading.findings import CART_KIND, DEFAULT_KIND, ORDER_KIND, RATING_KIND, Findings
from loading.flags import NOTHING, with_flags
from loading.foreign_words import foreign_meaning
from loading.kinds_plan import (
    ACTS,
    ask_about_flag,
    ask_about_goods,
    column_of_orders,
    counts_and_none,
    flags_of,
    has_blanks,
    has_orders,
    is_done,
    kind_label,
    refuse_computed,
    unknown_kinds,
    verdict_of,
    words_of,
    yes_and_no,
)
from loading.named_files import is_of_returns, kind_by_name, says_nothing_was_done
from loading.opinions import column_of_opinions, find_states, kind_of_opinion, opinions_of
from loading.values import values_of
from loading.words import last_part

_VAGUE = {"type", "interaction", "activity"}
"""Columns that may well say something else than a kind."""
_NO_WORD = re.compile(r"\d.*[^\w.]|[^\w.].*\d")
"""Numbers with signs, as of discounts."""
_OF_FOLDERS = {*_VAGUE, "event", "kind"}
"""Names of folders that may well say something else than a kind."""
_GIVEN_BACK_AT = re.compile("(return|refund|cancel)[a-z]*(at|on|date|time)")
_FEW = 12
"""So many different words or codes may well be kinds."""


@dataclass(slots=True)
class KindPlanner:
    """Finds the kinds of events."""

    seen: Findings
    verdicts: dict[str, str | None] = field(default_factory=dict)
    """Kinds of words for yes and no."""

    def plan(self) -> tuple[str | None, dict[str, str | None]]:
        """The kind of all events, or that of each word of the column of kinds.

        Raises InvalidInputError for words that nobody knows.
        """
        names = tuple(kind.kind for kind in self.seen.known)
        if self.seen.options.kind is not None:
            self.seen.fields.pop("kind", None)
            return self._existing_kind(self.seen.options.kind, names), {}
        if "kind" not in self.seen.fields and self.seen.layout is None:
            refuse_computed(self.seen.table, self.seen.fields)
            self._find_words_elsewhere(names)
        if "kind" not in self.seen.fields:
            return self._one_kind(names), {}
        column = self.seen.fields["kind"]
        words = words_of(self.seen.duck, self.seen.table, column, self.seen.fields["item_id"])
        if not words:
            many = "has too many different values to be kinds"
            self.seen.notes.append(f"{column} {'is empty' if words is not None else many}")
            del self.seen.fields["kind"]
            return self._one_kind(names), {}
        kinds, unknown = self._mapped(words, names)
        is_explicit = "kind" in self.seen.options.columns
        is_folder = column in self.seen.table.source.partitions and last_part(column) in _OF_FOLDERS
        is_vague = is_folder or _is_vague(column, words)
        if len(unknown) == len(words) and not is_explicit and is_vague:
            self.seen.notes.append(
                f"{self.seen.fields.pop('kind')} has no word for a kind of event"
            )
            return self._one_kind(names), {}
        if unknown:
            raise InvalidInputError(unknown_kinds(column, unknown, names))
        if kinds and all(kind is None for kind in kinds.values()):
            raise InvalidInputError(
                f"All events of {self.seen.table.source.name} would be left out."
            )
        self.seen.read_as["kind"] = ", ".join(
            kind_label(word, kind) for word, kind in kinds.items()
        )
        return None, kinds

    def _find_words_elsewhere(self, names: Sequence[str]) -> None:
        """Columns of yes and no, and ratings in words, say what people did."""
        value = self.seen.fields.get("value")
        if value is not None and any(_is_number(row.get(value)) for row in self.seen.table.sample):
            return
        if value is not None:
            values = values_of(self.seen.duck, self.seen.table, value, "true", None)
            if values.given == 0:
                self.seen.notes.append(f"{self.seen.fields.pop('value')} is empty")
            elif not values.numbers and self._all_known(value, names):
                self.seen.fields["kind"] = self.seen.fields.pop("value")
            return
        verdict = verdict_of(self.seen.table)
        if verdict is not None and self._all_known(verdict, names):
            self.seen.fields["kind"] = verdict
            return
        if self._find_opinions(names) or self._find_states(names):
            return
        if not self._find_flags(names):
            self._ask_about_times(names)

    def _find_flags(self, names: Sequence[str]) -> bool:
        """Whether columns of yes and no say what was done.

        AmbiguousInputError if they say what was thought, or are something else beside orders, or
        if the file's name says that each row is something else that was done.
        """
        kinds = flags_of(self.seen.table, tuple(names))
        item = self.seen.fields["item_id"]
        words = {
            flag: yes_and_no(found) or (counts_and_none(found) if is_done(flag, kind) else None)
            for flag, kind in kinds.items()
            if flag not in self.seen.fields.values()
            for found in (words_of(self.seen.duck, self.seen.table, flag, item),)
        }
        flags = {flag: found for flag, found in words.items() if found is not None}
        done = [flag for flag in flags if is_done(flag, kinds[flag])]
        is_explicit = self._is_named_otherwise({kinds[flag] for flag in done}, names)
        if any(flags[flag][0] for flag in done) and not (
            is_explicit or has_orders(self.seen.table)
        ):
            read = [flag for flag in flags if flag in done or kinds[flag] not in ACTS]
            self._read_flags({flag: kinds[flag] for flag in read}, flags)
            return True
        for flag, found in flags.items():
            if found[1]:
                others = [other for other in flags if other != flag and flags[other][0]]
                raise ask_about_flag(flag, kinds[flag], found, others)
        return False

    def _read_flags(
        self, kinds: Mapping[str, str], flags: Mapping[str, tuple[list[str], list[str]]]
    ) -> None:
        """An event for each yes, as a row without any was only shown, or nothing at all."""
        flag, kind = next(iter(kinds.items()))
        if len(kinds) == 1 and not has_blanks(self.seen.duck, self.seen.table, flag):
            yes, no = flags[flag]
            self.verdicts = dict.fromkeys(yes, kind) | dict.fromkeys(no)
            self.seen.fields["kind"] = flag
        else:
            yeses = {flag: flags[flag][0] for flag in kinds}
            table, column = with_flags(self.seen.duck, self.seen.table, kinds, yeses)
            self.verdicts = {NOTHING: None}
            self.seen.table, self.seen.fields["kind"] = table, column
        columns = " or ".join(kinds)
        self.seen.notes.append(
            f"an event for each yes in {columns}; rows without any are left out (--kind view counts"
            " them all)"
        )

    def _ask_about_times(self, names: Sequence[str]) -> None:
        """AmbiguousInputError if several times say that several things were done, or were not."""
        time, column = self.seen.fields.get("time"), self.seen.options.columns.get("time")
        found = times_of_kinds(self.seen.table, tuple(names))
        if column is None or time not in found:
            ask_about_times(self.seen.duck, self.seen.table, found, time)

    def _find_opinions(self, names: Sequence[str]) -> bool:
        """Whether a column says what people think; InvalidInputError if nobody knows its words."""
        column = column_of_opinions(self.seen.table)
        if column is None or column in self.seen.fields.values():
            return False
        item = self.seen.fields["item_id"]
        words = opinions_of(self.seen.duck, self.seen.table, column, item)
        if words is None:
            self.seen.notes.append(f"{column} has no words for kinds, and is not read")
            return False
        if all(_is_number(word.removeprefix("-")) for word in words):
            self.seen.fields["value"] = column
            return True
        kinds = {word: kind_of_opinion(word, names) for word in words}
        self.verdicts = {word: kind for word, kind in kinds.items() if kind is not None}
        self.seen.fields["kind"] = column
        return True

    def _find_states(self, names: Sequence[str]) -> bool:
        if column_of_orders(self.seen.table) is not None:
            return False
        found = find_states(self.seen.duck, self.seen.table, self.seen.fields["item_id"], names)
        if found is not None:
            self.seen.fields["kind"], kinds = found
            self.verdicts = dict(kinds)
        return found is not None

    def _all_known(self, column: str, names: Sequence[str]) -> bool:
        words = words_of(self.seen.duck, self.seen.table, column, self.seen.fields["item_id"])
        either = yes_and_no(words)
        if either is not None:
            likings = {**dict.fromkeys(either[0], "like"), **dict.fromkeys(either[1], "dislike")}
            self.verdicts = {word: kind for word, kind in likings.items() if kind in names}
            return len(self.verdicts) == len(likings)
        return bool(words) and not self._mapped(words or {}, names)[1]

    def _one_kind(self, names: Sequence[str]) -> str:
        """The kind of all events of a file in which no column says it."""
        kind = self.seen.layout.kind if self.seen.layout is not None else None
        if kind is not None:
            return self._existing_kind(kind, names)
        if "value" in self.seen.fields and RATING_KIND in names:
            return RATING_KIND
        user = self.seen.fields["user_id"]
        if self.seen.layout is None and says_nothing_was_done(self.seen.table.source.name, user):
            raise InvalidInputError(
                f"The rows of {self.seen.table.source.name} seem to be what was given back, taken"
                " back or only offered, as its name says. Say --kind view or another kind if people"
                " did it."
            )
        named = self._kind_by_name(names)
        if named is not None:
            return named
        orders = column_of_orders(self.seen.table)
        if orders is not None and ORDER_KIND in names:
            self._refuse_returns(orders)
            self.seen.notes.append(f"each row is a {ORDER_KIND}, as it has {orders}")
            return ORDER_KIND
        time = self.seen.fields.get("time")
        done = None if time is None else kind_done_at(time, tuple(names))
        if done not in (None, DEFAULT_KIND, RATING_KIND) and self.seen.layout is None:
            self.seen.notes.append(f"each row is a {done}, as it has {time}")
            return done
        if self.seen.layout is None and "event_id" not in self.seen.fields:
            ask_about_goods(self.seen.duck, self.seen.table, self.seen.fields["item_id"])
        self.seen.notes.append(f"each row is a {DEFAULT_KIND}")
        return self._existing_kind(DEFAULT_KIND, names)

    def _refuse_returns(self, orders: str) -> None:
        """InvalidInputError if the rows are what was given back, by the file's name or the time."""
        name = self.seen.table.source.name
        time = last_part(self.seen.fields.get("time", ""))
        if is_of_returns(name) or _GIVEN_BACK_AT.fullmatch(time):
            raise InvalidInputError(
                f"The rows of {name} have {orders}, and seem to be what was"
                " given back or cancelled. Say --kind purchase if it was bought."
            )

    def _kind_by_name(self, names: Sequence[str]) -> str | None:
        """What the file's name says; InvalidInputError if its rows then say nothing of taste."""
        source = self.seen.table.source
        named = kind_by_name(source.name, source.folder, tuple(names))
        if named is None or self.seen.layout is not None:
            return None
        word, kind = named
        is_bought = kind == CART_KIND and has_orders(self.seen.table)
        if kind in (RATING_KIND, DEFAULT_KIND) or is_bought:
            return None
        if kind is None:
            raise InvalidInputError(
                f"The name of {source.name} says that its rows are {word}, which say nothing of"
                " taste. Say --kind view if they are uses."
            )
        self.seen.notes.append(f"each row is a {kind}, as the file's name says ({word})")
        return kind

    def _is_named_otherwise(self, kinds: Collection[str], names: Sequence[str]) -> bool:
        """Whether the file's name says another kind than these, as `clicks` does of purchases."""
        source = self.seen.table.source
        _, kind = kind_by_name(source.name, source.folder, tuple(names)) or ("", None)
        return kind in ACTS and kind not in kinds

    def _existing_kind(self, kind: str, names: Sequence[str]) -> str:
        if kind not in names:
            raise InvalidInputError(f"There is no kind {kind}. Known are {', '.join(names)}.")
        return kind

    def _mapped(
        self, words: Mapping[str, bool], names: Sequence[str]
    ) -> tuple[dict[str, str | None], list[str]]:
        given = (
            dict(self.seen.layout.kinds if self.seen.layout is not None else {})
            | self.verdicts
            | dict(self.seen.options.kinds)
        )
        kinds: dict[str, str | None] = {}
        unknown = []
        for word, has_items in words.items():
            if word in given:
                kind = given[word]
                kinds[word] = None if kind is None else self._existing_kind(kind, names)
                continue
            try:
                kinds[word] = kind_of_word(word, tuple(names))
            except KeyError:
                if has_items:
                    unknown.append(word)
                else:
                    kinds[word] = None
        return kinds, unknown


def _is_vague(column: str, words: Collection[str]) -> bool:
    """Whether a column of which no word is known may say something else than a kind."""
    if last_part(column) == "event":
        # A few words are names of events, many the events' texts.
        return len(words) > _FEW
    if foreign_meaning(column) is not None:
        # `Aktion` and `actie` are promotions too, as `-10%` or yes and no say.
        is_either = yes_and_no(dict.fromkeys(words, True)) is not None
        return is_either or all(map(_NO_WORD.search, words))
    return last_part(column) in _VAGUE and not _are_codes(words)


def _are_codes(words: Collection[str]) -> bool:
    """Whether words are numbers that stand for kinds: some, and small ones."""
    are_small = all(re.fullmatch(r"\d{1,2}(\.0)?", word) for word in words)
    return are_small and 1 < len(words) <= _FEW


def _is_number(text: str | None) -> bool:
    return text is not None and text.strip().replace(",", "").replace(".", "").isdigit()
