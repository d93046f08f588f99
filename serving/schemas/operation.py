"""The answers of /healthz and /readyz."""

from pydantic import BaseModel, Field

from serving.schemas.named import AliveStatus, AwayDependency, ReadyStatus


class Alive(BaseModel):
    """The process lives."""

    status: AliveStatus


class Ready(BaseModel):
    """Requests can be served."""

    status: ReadyStatus
    postgres: str = Field(examples=["reachable and migrated"])
    redis: str = Field(examples=["reachable"])
    degraded: AwayDependency | None = Field(
        description="redis_away: every list is made anew, from PostgreSQL. Null: nothing is away."
    )
