"""The settings of tokens."""

from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from serving.access.signing_keys import LONGEST_TOKEN
from sql.environment import LayerSettings

LONGEST_TOKEN_SECONDS = int(LONGEST_TOKEN.total_seconds())

TokenSeconds = Annotated[int, Field(ge=1, le=LONGEST_TOKEN_SECONDS)]


class TokenSettings(LayerSettings):
    """Tokens for users and for people of the team."""

    model_config = SettingsConfigDict(env_prefix="TANDEM_")

    signing_keys_file: Path | None = Field(
        None,
        description="The keys that tokens are signed with, as `tandem token rotate` writes them;"
        " the same file for all processes. Unset: there are no tokens and no accounts, but `tandem"
        " up` makes one in its home folder.",
    )
    token_seconds: TokenSeconds = Field(
        900, description="A token for one user lives so long unless it is asked for another time."
    )
