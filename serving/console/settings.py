"""Where Prefect is, whose schedules the console shows."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from serving.console.prefect_api import PrefectApi
from sql.environment import LayerSettings


class PrefectSettings(LayerSettings):
    """Named as Prefect names them, so that they are set where Prefect's own clients are."""

    model_config = SettingsConfigDict(validate_by_name=True)

    prefect_api_url: str | None = Field(
        None,
        validation_alias="PREFECT_API_URL",
        description="Prefect's API, as http://127.0.0.1:4200/api: the console shows when the next"
        " night comes. Unset: it does not, but `tandem up` sets it.",
    )
    prefect_api_auth_string: SecretStr | None = Field(
        None,
        validation_alias="PREFECT_API_AUTH_STRING",
        description="User and password for it, as user:password.",
    )
    prefect_ui_url: str | None = Field(
        None,
        validation_alias="PREFECT_UI_URL",
        description="Where people open Prefect's pages. Unset: where its API is.",
    )

    prefect_rest_file: Path | None = Field(
        None,
        validation_alias="TANDEM_PREFECT_REST_FILE",
        description="What is due while Prefect's server rests, so that the console need not start"
        " it. `tandem up` sets it.",
    )

    def prefect_api(self) -> PrefectApi | None:
        """Prefect's server; None: it is not known where one is."""
        if self.prefect_api_url is None:
            return None
        secret = self.prefect_api_auth_string
        user, _, password = secret.get_secret_value().partition(":") if secret else ("", "", "")
        credentials = (user, password) if secret else None
        return PrefectApi(_origin(self.prefect_api_url), credentials)

    def prefect_pages(self) -> str | None:
        """The address of Prefect's pages; None: it is not known where they are."""
        return self.prefect_ui_url or (self.prefect_api_url and _origin(self.prefect_api_url))


def _origin(api_url: str) -> str:
    return api_url.rstrip("/").removesuffix("/api")
