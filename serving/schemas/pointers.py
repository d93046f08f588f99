"""From where pydantic found a fault to a JSON pointer."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from serving.runtime.faults import Fault


def faults_of(errors: Iterable[Mapping[str, Any]]) -> tuple[Fault, ...]:
    """Pydantic's errors as faults with pointers into what was validated."""
    return tuple(Fault(pointer(error["loc"]), sentence(error)) for error in errors)


def pointer(steps: Sequence[int | str]) -> str:
    """A JSON pointer (RFC 6901)."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


def sentence(error: Mapping[str, Any]) -> str:
    """Pydantic's message as a sentence."""
    text = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] in ("too_long", "too_short") and isinstance(error["input"], str):
        # A text that was validated before it is measured has items, as pydantic puts it.
        text = text.replace(" item", " character")
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")
