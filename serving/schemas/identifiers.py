"""Names that come from outside."""

from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from domain.identifiers import LONGEST_ID
from serving.schemas.documented import ONE_NAME, WITHOUT_NUL


def storable_text(text: str) -> str:
    """PostgreSQL keeps no text with the character U+0000 or half a surrogate pair."""
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("the character U+0000 and lone surrogates are not allowed")
    return text


Text = Annotated[str, AfterValidator(storable_text), WITHOUT_NUL]
Identifier = Annotated[
    str,
    StringConstraints(min_length=1, max_length=LONGEST_ID),
    AfterValidator(storable_text),
    ONE_NAME,
]
