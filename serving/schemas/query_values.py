"""Values in a query, taken as the documentation says them and in no other way of writing."""

import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BeforeValidator

_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_LONGEST_NUMBER = 40
_BOOLEANS = {"true": True, "false": False}


def _written_as(form: re.Pattern[str], what: str) -> Callable[[Any], Any]:
    def check(given: Any) -> Any:
        if isinstance(given, str) and not (len(given) <= _LONGEST_NUMBER and form.fullmatch(given)):
            raise ValueError(f"give {what}, with nothing before or after it")
        return given

    return check


def _true_or_false(given: Any) -> Any:
    if isinstance(given, str) and given not in _BOOLEANS:
        raise ValueError("give true or false")
    return _BOOLEANS[given] if isinstance(given, str) else given


AS_INTEGER = BeforeValidator(_written_as(_INTEGER, "a whole number such as 20"))
"""Pydantic takes blanks, signs, leading zeros and digits of other scripts too.

It stands after the bounds of a number, or the documentation would not have them.
"""

AS_NUMBER = BeforeValidator(_written_as(_NUMBER, "a number such as 0.5"))

QueryBoolean = Annotated[bool, BeforeValidator(_true_or_false)]
"""Pydantic takes 1, no, t and others too."""
