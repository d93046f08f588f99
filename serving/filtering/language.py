"""Reads a filter, and says where it cannot."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken, VisitError

from domain.errors import InvalidInputError
from serving.filtering.expression import (
    AllOf,
    AnyOf,
    Begins,
    Compared,
    Exists,
    Expression,
    Moment,
    Name,
    Negated,
    Operand,
    OwnValue,
)

LONGEST_FILTER = 2_000
"""Characters."""
_MOST_CONDITIONS = 100
_DEEPEST = 20
"""Brackets within brackets."""
_FARTHEST = timedelta(days=36_500)
"""From now; a calendar that is left altogether has no times."""
_UNITS = {"day": timedelta(days=1), "hour": timedelta(hours=1), "minute": timedelta(minutes=1)}
_SHOWN_CHARACTERS = 20
_EXPECTED: Mapping[str, str] = {
    "WORD": "a name",
    "QUOTED": "a name",
    "COMPARISON": "a comparison",
    "TEXT": 'a text in "quotes"',
    "NUMBER": "a number",
    "$END": "the end",
    "LPAR": "`(`",
    "RPAR": "`)`",
    "COMMA": "`,`",
    "DOT": "`.`",
}


class FilterError(InvalidInputError):
    """A filter that cannot be read."""


@lru_cache(maxsize=1_000)
def parse_filter(text: str) -> Expression:
    """What a filter says; FilterError tells at which character it goes wrong."""
    if len(text) > LONGEST_FILTER:
        raise FilterError(
            f"It is {len(text):,} characters long; at most {LONGEST_FILTER:,} may be."
        )
    if _depth(text) > _DEEPEST:
        raise FilterError(f"Its brackets are nested deeper than {_DEEPEST}.")
    try:
        expression: Expression = _Reader().transform(_parser().parse(text))
    except RecursionError as error:
        raise FilterError("It is nested too deep.") from error
    except UnexpectedInput as error:
        raise FilterError(_complaint(text, error)) from error
    except VisitError as error:
        if isinstance(error.orig_exc, FilterError):
            raise error.orig_exc from error
        raise
    if sum(1 for _ in expression.names()) > _MOST_CONDITIONS:
        raise FilterError(f"It has more than {_MOST_CONDITIONS} conditions.")
    return expression


@lru_cache(maxsize=1)
def _parser() -> Lark:
    grammar = Path(__file__).with_name("grammar.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr")


def _depth(text: str) -> int:
    """How deep brackets are nested at the most; those in texts count too."""
    deepest = depth = 0
    for character in text:
        depth += (character == "(") - (character == ")")
        deepest = max(deepest, depth)
    return deepest


def _complaint(text: str, error: UnexpectedInput) -> str:
    if isinstance(error, UnexpectedToken) and error.token.type == "$END":
        return f"At its end: {_expected(error.accepts)} is missing."
    place = error.pos_in_stream or 0
    found = text[place : place + _SHOWN_CHARACTERS].split("\n", maxsplit=1)[0]
    if isinstance(error, UnexpectedCharacters):
        return f"At character {place}: {found!r} cannot stand here; {_expected(error.allowed)} can."
    expected = error.accepts if isinstance(error, UnexpectedToken) else ()
    return f"At character {place}: {found!r} cannot stand here; {_expected(expected)} can."


def _expected(tokens: Iterable[str]) -> str:
    expected = sorted(
        {_EXPECTED.get(name, f"`{name.lower()}`") for name in tokens if name[:2] != "__"}
    )
    return " or ".join(filter(None, (", ".join(expected[:-1]), *expected[-1:])))


class _Reader(Transformer[Token, Expression]):
    """Makes the tree of what the parser found."""

    @v_args(inline=True)
    def step(self, token: Token) -> str:
        return str(token)[1:-1] if token.type == "QUOTED" else str(token)

    def name(self, steps: list[str]) -> Name:
        return Name(tuple(steps))

    def user_value(self, steps: list[str]) -> OwnValue:
        return OwnValue(tuple(steps))

    @v_args(inline=True)
    def text(self, token: Token) -> str:
        return _unquoted(token)

    @v_args(inline=True)
    def number(self, token: Token) -> float:
        return float(token) if "." in token else int(token)

    def true(self, _: list[Any]) -> bool:
        return True

    def false(self, _: list[Any]) -> bool:
        return False

    @v_args(inline=True)
    def time(self, token: Token) -> Moment:
        try:
            read = datetime.fromisoformat(_unquoted(token))
        except ValueError as error:
            example = "2026-03-01, or 2026-03-01T12:00:00Z"
            raise FilterError(
                f"At character {token.start_pos}: {token} is no time; write it as {example}."
            ) from error
        return Moment(read if read.tzinfo else read.replace(tzinfo=UTC))

    def now(self, offsets: list[Token | None]) -> Moment:
        if not offsets or offsets[0] is None:
            return Moment(None)
        sign, rest = offsets[0][0], offsets[0][1:].strip()
        digits = rest.rstrip("abcdefghijklmnopqrstuvwxyz").strip()
        unit = rest[len(digits) :].strip().rstrip("s")
        later = int(digits) * _UNITS[unit]
        if later > _FARTHEST:
            raise FilterError(
                f"At character {offsets[0].start_pos}: {offsets[0]} is more than a hundred years."
            )
        return Moment(None, -later if sign == "-" else later)

    @v_args(inline=True)
    def compared(self, name: Name, comparison: Token, operand: Operand) -> Expression:
        if comparison == "!=":
            return Negated(Compared(name, "=", operand))
        return Compared(name, comparison.value, operand)

    def among(self, found: list[Any]) -> Expression:
        name, *operands = found
        return AnyOf(tuple(Compared(name, "=", operand) for operand in operands))

    def not_among(self, found: list[Any]) -> Expression:
        return Negated(self.among(found))

    @v_args(inline=True)
    def among_own(self, name: Name, own: OwnValue) -> Expression:
        return Compared(name, "=", own)

    @v_args(inline=True)
    def not_among_own(self, name: Name, own: OwnValue) -> Expression:
        return Negated(Compared(name, "=", own))

    @v_args(inline=True)
    def begins(self, name: Name, beginning: Token) -> Expression:
        return Begins(name, _unquoted(beginning))

    @v_args(inline=True)
    def exists(self, name: Name) -> Expression:
        return Exists(name)

    @v_args(inline=True)
    def missing(self, name: Name) -> Expression:
        return Negated(Exists(name))

    @v_args(inline=True)
    def negated(self, inner: Expression) -> Expression:
        return Negated(inner)

    def any_of(self, inner: list[Expression]) -> Expression:
        return AnyOf(tuple(inner))

    def all_of(self, inner: list[Expression]) -> Expression:
        return AllOf(tuple(inner))


def _unquoted(token: Token) -> str:
    return str(token)[1:-1].replace('\\"', '"').replace("\\\\", "\\")
