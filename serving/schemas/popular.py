"""The answer of GET /v1/popular."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from serving.schemas.recommendations import DEGRADED, RunAnswer, run_answer
from serving.services.made_list import PopularList


class PopularItemAnswer(BaseModel):
    """One popular item."""

    item_id: str
    title: str
    score: float = Field(description="Scaled to [0, 1]; 0 for items that only fill the list up.")


class PopularAnswer(BaseModel):
    """Popular items, best first."""

    items: list[PopularItemAnswer]
    run: RunAnswer | None = Field(description="Null before the first run is published.")
    level: Literal["popular", "held"] = Field(
        description="held: the list as it was held in memory, because PostgreSQL did not answer."
    )
    degraded: str | None = Field(description=DEGRADED)


def popular_answer(popular: PopularList) -> dict[str, Any]:
    """The fields of `PopularAnswer`, ready to be written."""
    items = [
        {"item_id": item.item_id, "title": item.title, "score": item.score}
        for item in popular.items
    ]
    return {
        "items": items,
        "run": run_answer(popular.run),
        "level": popular.level,
        "degraded": popular.degraded,
    }
