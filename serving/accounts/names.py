"""Names of accounts, such as mail addresses, and the user ids that are made for them."""

import secrets
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from domain.identifiers import LONGEST_ID, UserId
from serving.accounts.passwords import normalized
from serving.http.values import ONE_NAME, identifier

AccountName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=LONGEST_ID),
    AfterValidator(identifier),
    ONE_NAME,
    Field(description="Such as a mail address; in any case.", examples=["ann@example.org"]),
]


def name_key(name: str) -> str:
    """A name as it is compared: two that look the same are one, in upper or lower case."""
    # Folding may leave what is to be composed, and composing what is to be folded.
    return normalized(normalized(name).casefold())


def generate_user_id() -> UserId:
    """The user id of a new account: nobody chooses one that an app may know already."""
    return UserId(f"u_{secrets.token_hex(16)}")
