"""The answers with lists for users."""

import uuid
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, Field
from typing_extensions import TypeAliasType

from serving.access.callers import Caller, may_see_users
from serving.answering.schemas import (
    CATEGORIES_MEANT,
    DEGRADED,
    EXCLUSIONS,
    ExclusionKnowledge,
    RunAnswer,
    algorithm_version,
    run_answer,
)
from serving.lists.recommendation_list import RecommendedItem, Source, Strategy
from serving.recommendations.recommend import Recommendation
from serving.recommendations.recommendation_query import PolicyName

RecommendationStrategy = TypeAliasType("RecommendationStrategy", Strategy)
RecommendationSource = TypeAliasType("RecommendationSource", Source)

WITHHELD = "Causes tell what the user did: this needs an API key with the scope users too."


Explained = Literal["no", "yes", "withheld"]
"""Whether an answer has causes: not asked for, given, or the key may not see them."""


def explained_to(caller: Caller, *, asked: bool) -> Explained:
    """Whether the answer to this caller has causes."""
    if not asked:
        return "no"
    return "yes" if may_see_users(caller) else "withheld"


class CauseAnswer(BaseModel):
    """One of the user's own items, or a declared word, that brought a recommendation."""

    item_id: str | None = Field(
        description="Null: it is a word or phrase of the user's interests.", examples=["heat-1995"]
    )
    title: str | None = Field(examples=["Heat"])
    interest: str | None = Field(
        None, description="The declared word or phrase. Null: it is an item.", examples=["robots"]
    )
    share: float = Field(
        description="Its share of all that speaks for the item in the user's live vector, in"
        " (0, 1]. What is missing from 1 comes from other items and from the trend."
    )


class ItemAnswer(BaseModel):
    """One recommended item."""

    item_id: str = Field(examples=["stalker-1979"])
    title: str = Field(examples=["Stalker"])
    score: float = Field(
        description="The blended score, which the list is ordered by but for diversity, caps and"
        " explored items; 0 for items that only fill it up."
    )
    scores: dict[str, float] = Field(
        description="What each source says of it, scaled to [0, 1] by the source's own list; 0 if"
        " the source lacks the item. batch: the nightly list; speed: the live list. Empty: no"
        " source brought the item.",
        examples=[{"batch": 1.0, "speed": 0.848}],
    )
    explored: bool = Field(
        description="Whether it is a new item that was given its position to become known."
    )
    because: list[CauseAnswer] | None = Field(
        None,
        description="Only with explain=true: up to three items, the largest share first; none for"
        " a user without a live vector. Null: the key lacks the scope users.",
    )


class PolicyAnswer(BaseModel):
    """How the sources were weighed."""

    name: PolicyName
    weights: dict[str, float] = Field(
        description="By source, as applied to this user: 0 for a source that has nothing for them.",
        examples=[{"batch": 0.7, "speed": 0.3}],
    )
    sharpness: float = Field(description="The power scaled scores are raised to.")
    events_since_cut_off: int = Field(description="The user's events the live vector knows of.")


class ListedAnswer(BaseModel):
    """A list, whoever it is for."""

    recommendation_id: uuid.UUID = Field(description="Give it back with the events it leads to.")
    items: list[ItemAnswer]
    source: RecommendationSource = Field(description="Where the list comes from now.")
    strategy: RecommendationStrategy = Field(
        description="What the list was made as, also when it comes from the cache."
    )
    categories_meant: dict[str, str] = Field(
        description=CATEGORIES_MEANT, examples=[{"comedy": "Comedy"}]
    )
    degraded: str | None = Field(description=DEGRADED)
    exclusions: ExclusionKnowledge = Field(description=EXCLUSIONS)
    run: RunAnswer | None = Field(description="Null before the first run is published.")
    policy: PolicyAnswer
    next: str | None = Field(
        None,
        description="Give it as cursor to go on, within a day. Null: the list ends here, or cannot"
        " be gone on with.",
    )
    generated_at: datetime
    generation_time_ms: float
    list_age_seconds: float = Field(description="Since it was made; 0: for this answer.")
    live_vector_age_seconds: float | None = Field(
        description="Since the user's live vector was made, which the list comes from. Null: it"
        " comes from none."
    )
    algorithm_version: str = Field(
        description="Tandem's version, and a short name of the parameters that the run was made"
        " with: another one, and lists may differ for reasons other than data.",
        examples=["0.1.0+3f0c5b1e"],
    )
    because_withheld: str | None = Field(
        None, description="Only with explain=true: why there are no causes; null: there are."
    )


class RecommendationAnswer(ListedAnswer):
    """A list for one user."""

    user_id: str


class AskedAnswer(ListedAnswer):
    """A list for a user, a group, or somebody of whom the request alone tells."""

    user_id: str | None = Field(description="Null: it is for no one user.")
    user_ids: list[str] | None = Field(None, description="The members of the group it is for.")


class InnerProblem(BaseModel):
    """Why there is no list for one of many users, as a problem document says it."""

    type: str = Field(examples=["urn:tandem:problem:store-unavailable"])
    title: str
    status: int
    detail: str
    errors: list[dict[str, str]] | None = None


class UserAnswer(BaseModel):
    """What one of many users gets: a list or a problem."""

    user_id: str
    answer: RecommendationAnswer | None = None
    problem: InnerProblem | None = None


class ManyAnswer(BaseModel):
    """Lists for many users, in the order in which they were named."""

    lists: list[UserAnswer]


def recommendation_answer(
    user_id: str | None,
    given: Recommendation,
    *,
    explained: Explained,
    next_cursor: str | None = None,
) -> dict[str, Any]:
    """The fields of `RecommendationAnswer`, ready to be written."""
    found = given.answer
    result = found.result
    answer = {
        "recommendation_id": given.recommendation_id,
        "user_id": user_id,
        "items": [_item_answer(item, explained=explained) for item in result.items],
        "source": found.source,
        "strategy": result.strategy,
        "categories_meant": given.categories_meant,
        "degraded": found.degraded,
        "exclusions": found.exclusions,
        "run": run_answer(result.run),
        "policy": result.policy,
        "next": next_cursor,
        "generated_at": given.generated_at,
        "generation_time_ms": found.generation_time_ms,
        "list_age_seconds": found.age_seconds,
        "live_vector_age_seconds": _age(result.vector_at),
        "algorithm_version": algorithm_version(result.run),
    }
    if explained == "no":
        return answer
    return {**answer, "because_withheld": WITHHELD if explained == "withheld" else None}


def _age(at: datetime | None) -> float | None:
    return None if at is None else round((datetime.now(UTC) - at).total_seconds(), 3)


def _item_answer(item: RecommendedItem, *, explained: Explained) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "item_id": item.item_id,
        "title": item.title,
        "score": item.score,
        "scores": item.scores,
        "explored": item.explored,
    }
    if explained == "no":
        return answer
    return {**answer, "because": item.because if explained == "yes" else None}
