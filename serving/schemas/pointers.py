"""From where pydantic found a fault to a JSON pointer."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from serving.faults import Fault


def faults_of(errors: Iterable[Mapping[str, Any]]) -> tuple[Fault, ...]:
    """Pydantic's errors as faults with pointers into what was validated."""
    return tuple(Fault(pointer(error["loc"]), sentence(error["msg"])) for error in errors)


def pointer(steps: Sequence[int | str]) -> str:
    """A JSON pointer (RFC 6901)."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


def sentence(message: str) -> str:
    """Pydantic's message as a sentence."""
    text = message.removeprefix("Value error, ")
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")
