"""What a filter asks of single attributes, as the indexes of declared attributes can find it.

An item that passes lies within all of the bounds; one within them need not pass. What is asked in
another way, as by `or` or `not`, has none.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from serving.filtering.expression import AllOf, AnyOf, Compared, Expression, Moment, Name, OwnValue

_THIS = Name(())
"""The value of the attribute, where a path begins there."""
_NO_TIME = datetime(2000, 1, 1, tzinfo=UTC)


def bounds_of(expression: Expression) -> list[Mapping[str, Any]]:
    """As `items_within` of PostgreSQL takes them."""
    return [bound for each in _required(expression) if (bound := _bound(each)) is not None]


def _required(expression: Expression) -> Iterator[Expression]:
    """What must hold, each for itself."""
    if isinstance(expression, AllOf):
        for each in expression.inner:
            yield from _required(each)
    else:
        yield expression


def _bound(expression: Expression) -> Mapping[str, Any] | None:
    if isinstance(expression, AnyOf):
        return _equal(expression.inner)
    if not isinstance(expression, Compared):
        return None
    if expression.comparison == "=":
        return _equal((expression,))
    operand, name = expression.operand, _attribute(expression.name)
    # Only numbers are ordered in an index as jsonpath orders them.
    if name is None or isinstance(operand, bool) or not isinstance(operand, int | float):
        return None
    return {"name": name, "least" if expression.comparison[0] == ">" else "greatest": operand}


def _equal(inner: tuple[Expression, ...]) -> Mapping[str, Any] | None:
    """Of comparisons of one attribute with values that it may equal."""
    compared = [each for each in inner if isinstance(each, Compared) and _is_indexed(each)]
    names = {_attribute(each.name) for each in compared}
    if not compared or len(compared) < len(inner) or len(names) > 1 or None in names:
        return None
    of_value = AnyOf(tuple(Compared(_THIS, "=", each.operand) for each in compared))
    return {"name": names.pop(), "equal_path": of_value.jsonpath(_NO_TIME)}


def _is_indexed(compared: Compared) -> bool:
    """Times are not: each may be written in several ways."""
    return compared.comparison == "=" and not isinstance(compared.operand, Moment | OwnValue)


def _attribute(name: Name) -> str | None:
    """Its name; None of what is nested, and of what is no attribute."""
    return name.steps[0] if len(name.steps) == 1 and not name.is_field else None
