"""Names that come from outside."""

from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from domain.identifiers import LONGEST_ID


def _without_null(text: str) -> str:
    """PostgreSQL keeps no text with the character U+0000."""
    if "\0" in text:
        raise ValueError("the character U+0000 is not allowed")
    return text


Text = Annotated[str, AfterValidator(_without_null)]
Identifier = Annotated[
    str,
    StringConstraints(min_length=1, max_length=LONGEST_ID),
    AfterValidator(_without_null),
]
