"""The settings of the ways to PostgreSQL and Redis, and of when they are left alone."""

from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from serving.postgres.limits import StoreLimits
from serving.runtime.breaker import BreakerRules
from serving.server.settings import Count, Positive
from sql.environment import CONSTANT, LayerSettings

PositiveShare = Annotated[float, Field(gt=0, le=1)]

# Where a policy has a default, the setting takes it from there.
_BREAKER = BreakerRules()
_STORE = StoreLimits()


class ResilienceSettings(LayerSettings):
    """What happens when a store is slow or away."""

    model_config = SettingsConfigDict(env_prefix="TANDEM_")

    request_budget_seconds: Positive = Field(
        _STORE.read_seconds,
        description="A request that reads asks its stores no longer than this, all in all.",
    )
    many_users_seconds: Positive = Field(
        30.0,
        description="Lists for many users in one request are made for no longer than this; those"
        " without one by then are told to ask again.",
    )
    postgres_silence_seconds: Positive = Field(
        0.25,
        description="A request that reads waits no longer for a PostgreSQL that answers nothing at"
        " all.",
    )
    write_budget_seconds: Positive = Field(
        _STORE.write_seconds,
        description="A request that writes asks its stores no longer than this.",
    )
    startup_wait_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        30.0, description="A new process waits so long for PostgreSQL before it takes requests."
    )

    postgres_connections: Count = Field(
        _STORE.connections, description="Connections for requests that read; kept open."
    )
    postgres_overflow_connections: Annotated[int, Field(ge=0)] = Field(
        10, description="So many more when all of those are in use; closed again after it."
    )
    postgres_write_connections: Count = Field(
        _STORE.write_connections, description="Connections for requests that write."
    )
    postgres_background_connections: Count = Field(
        _STORE.background_connections, description="Connections for work beside the requests."
    )
    postgres_exclusion_connections: Annotated[Count, CONSTANT] = Field(
        2, description="For what a user has seen, where the list itself is late."
    )
    exclusions_patience_seconds: Positive = Field(
        2.0,
        description="A list waits so long for what its user has seen before it is made without.",
    )
    postgres_waiting: Count = Field(
        _STORE.waiting,
        description="Requests of one kind that wait for a connection; others are refused.",
    )
    postgres_wait_seconds: Annotated[Positive, CONSTANT] = Field(
        _STORE.wait_seconds,
        description="What is asked beside the requests is given up after so long.",
    )
    postgres_connection_seconds: Positive = Field(
        _STORE.connection_seconds,
        description="A connection is renewed at about this age, give or take a tenth.",
    )
    slow_statement_seconds: Positive = Field(
        _STORE.slow_statement_seconds,
        description="A statement that takes longer is logged with its name.",
    )
    postgres_probe_seconds: Annotated[Positive, CONSTANT] = Field(
        0.5, description="How often to look whether PostgreSQL is back."
    )
    redis_timeout_seconds: Positive = Field(
        0.05, description="A request waits no longer for Redis."
    )
    redis_heartbeat_seconds: Annotated[Positive, CONSTANT] = Field(
        0.25, description="How often to look whether Redis is there, and how long for."
    )

    breaker_error_share: PositiveShare = Field(
        _BREAKER.error_share,
        description="A store is left alone when this share of its calls within a minute failed.",
    )
    breaker_errors_in_row: Count = Field(
        _BREAKER.errors_in_row,
        description="A store is also left alone after so many failures in a row.",
    )
    breaker_open_seconds: Positive = Field(
        _BREAKER.open_seconds,
        description="It is left alone for so long, unless a probe finds it back before.",
    )

    def breaker_rules(self) -> BreakerRules:
        """When a store is left alone, and when no longer."""
        return BreakerRules(
            error_share=self.breaker_error_share,
            errors_in_row=self.breaker_errors_in_row,
            open_seconds=self.breaker_open_seconds,
        )
