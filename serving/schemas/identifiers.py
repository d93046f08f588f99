"""Names that come from outside."""

from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from domain.identifiers import LONGEST_ID, id_fault
from serving.schemas.documented import ONE_NAME, WITHOUT_NUL


def storable_text(text: str) -> str:
    """PostgreSQL keeps no text with the character U+0000 or half a surrogate pair."""
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("the character U+0000 and lone surrogates are not allowed")
    return text


def identifier(text: str) -> str:
    """The id or category as it is; it is never changed to make it a good one."""
    fault = id_fault(text)
    if fault is not None:
        raise ValueError(fault.value)
    return text


def category_or_none(text: str) -> str:
    """The same, or nothing."""
    return identifier(text) if text else text


Text = Annotated[str, AfterValidator(storable_text), WITHOUT_NUL]
Identifier = Annotated[
    str,
    StringConstraints(min_length=1, max_length=LONGEST_ID),
    AfterValidator(identifier),
    ONE_NAME,
]
