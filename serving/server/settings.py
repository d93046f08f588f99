"""The settings of the server: its processes, and what a client may do."""

from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from sql.environment import CONSTANT, LayerSettings

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]


class ProcessSettings(LayerSettings):
    """The processes of the API; the command line reads it too."""

    model_config = SettingsConfigDict(env_prefix="TANDEM_")

    api_workers: Count = Field(
        2, description="Processes of the API: while one is replaced the others answer."
    )
    api_hung_seconds: Annotated[float, Field(ge=2, allow_inf_nan=False)] = Field(
        30.0, description="A process that does nothing for so long is replaced."
    )
    api_shutdown_seconds: Count = Field(
        10, description="Requests under way may take so long when the API stops."
    )


class ClientSettings(LayerSettings):
    """What clients may send to one process, how slowly, and how many of them at once."""

    model_config = SettingsConfigDict(env_prefix="TANDEM_")

    api_keep_alive_seconds: Count = Field(
        75,
        description="An idle connection is closed after this; keep it above the idle time of"
        " clients and balancers, or they send on one that is just being closed.",
    )
    api_body_bytes: Count = Field(
        5_000_000, description="The longest body; a longer one is refused with 413."
    )
    api_body_seconds: Positive = Field(10.0, description="A body must have come in by then.")
    api_header_bytes: Annotated[int, Field(ge=1024)] = Field(
        65_536, description="Request line and headers together; half of it for the request line."
    )
    api_header_seconds: Positive = Field(10.0, description="The headers must have come in by then.")
    api_send_seconds: Positive = Field(
        30.0, description="An answer that its client does not read for so long is given up."
    )
    api_connections: Count = Field(
        1000,
        description="Connections open at once to one process; others get a 503 and are closed.",
    )
    api_requests_at_once: Count = Field(
        64,
        description="Requests without a body under way in one process; others get a 503. Cached"
        " lists have as many places of their own.",
    )
    api_bodies_at_once: Count = Field(
        64,
        description="Requests with a body under way in one process; others get a 429. One key has"
        " at most half of these slots, and of the bytes.",
    )
    api_upload_bytes: Count = Field(
        2_000_000_000, description="The largest file that can be loaded over HTTP."
    )
    api_uploads_at_once: Annotated[Count, CONSTANT] = Field(
        4, description="Files that come in at once to one process; others get a 429."
    )
    api_bytes_at_once: Count = Field(
        50_000_000, description="Bytes of such bodies at once; others get a 429."
    )
