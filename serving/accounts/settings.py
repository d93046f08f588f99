"""The settings of accounts."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AnyHttpUrl, Field, UrlConstraints, model_validator
from pydantic_settings import SettingsConfigDict

from serving.access.settings import TokenSeconds
from sql.environment import LayerSettings

Registration = Literal["off", "invitation", "open"]

_LEAST_SECRET_BYTES = 16

WebhookUrl = Annotated[AnyHttpUrl, UrlConstraints(max_length=2000)]


class AccountSettings(LayerSettings):
    """People who sign in with a password."""

    model_config = SettingsConfigDict(env_prefix="TANDEM_")

    registration: Registration = Field(
        "off",
        description="Whether end users may register: off; invitation: whom an app or an admin has"
        " invited; open: whoever comes. People of the team are always invited.",
    )
    sign_in_seconds: TokenSeconds = Field(
        900, description="The access token of a sign-in lives so long, and is renewed by another."
    )
    reset_webhook: WebhookUrl | None = Field(
        None,
        description="An address of the app that is sent a link whenever an end user has forgotten"
        " the password, and hands it on. Unset: an admin makes such links.",
    )
    reset_webhook_secret_file: Path | None = Field(
        None,
        description="A file with the secret that what is sent there is signed with; needed with"
        " it.",
    )

    @model_validator(mode="after")
    def _refuse_unsigned(self) -> "AccountSettings":
        if self.reset_webhook is not None:
            self.webhook_secret()
        return self

    def webhook_secret(self) -> bytes:
        """The secret of the webhook; ValueError if it is missing or short."""
        if self.reset_webhook_secret_file is None:
            raise ValueError("TANDEM_RESET_WEBHOOK needs TANDEM_RESET_WEBHOOK_SECRET_FILE")
        try:
            secret = self.reset_webhook_secret_file.read_bytes().strip()
        except OSError as error:
            raise ValueError(
                f"{self.reset_webhook_secret_file} cannot be read: {error.strerror}"
            ) from error
        if len(secret) < _LEAST_SECRET_BYTES:
            raise ValueError(
                f"{self.reset_webhook_secret_file} needs at least {_LEAST_SECRET_BYTES} bytes"
            )
        return secret
