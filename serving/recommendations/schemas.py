"""The answers with lists for users."""

import uuid
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, Field
from typing_extensions import TypeAliasType

from serving.access.callers import Caller, may_see_users
from serving.answering.fields import FieldedAnswer, ListedItemAnswer
from serving.answering.list_values import PolicyName
from serving.answering.schemas import (
    CATEGORIES_MEANT,
    DEGRADED,
    EXCLUSIONS,
    NEXT,
    ExclusionKnowledge,
    RunAnswer,
    algorithm_version,
    run_answer,
)
from serving.lists.explanation import Explanation, Reason
from serving.lists.recommendation_list import RecommendedItem, Source, Strategy
from serving.placements.schemas import (
    IN_NO_EXPERIMENT,
    OF_NO_PLACEMENT,
    NamedArm,
    NamedPlacement,
    named_arm,
    named_placement,
)
from serving.preferences.schemas import PreferenceDirection, PreferenceValue
from serving.recommendations.recommend import Recommendation
from serving.rules.rule import RuleAct

RemovalReason = TypeAliasType("RemovalReason", Reason)
RecommendationStrategy = TypeAliasType("RecommendationStrategy", Strategy)
RecommendationSource = TypeAliasType("RecommendationSource", Source)

WITHHELD = "Causes tell what the user did: this needs an API key with the scope users too."
REMOVED = (
    "Only with explain=true: how many of the items that the sources would have given, 200 each, are"
    " not in the list, each for the first reason that holds. disliked: or hidden. rule: hidden by a"
    " rule. named: by the request, as used or liked. excluded: by exclude. category, filter: not"
    " passed. unavailable: of the nightly list. capped: passed over because a category or a cap had"
    " enough. Null: no source had anything, the list is degraded, or the key lacks the scope users."
)


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


class SourceScoreAnswer(BaseModel):
    """What one source says of an item."""

    score: float = Field(
        description="As the source gives it: of batch that of the nightly list, of speed the live"
        " score, of neighbours the sum of the cosines of who likes it."
    )
    scaled: float = Field(description="In [0, 1], by the eligible items of the source.")
    rank: int = Field(description="Among these, from 1.")


class PreferenceChangeAnswer(BaseModel):
    """What one of the user's preferences made of the score of an item."""

    preference_id: str = Field(examples=["9f2b1c4d5e6f7a80"])
    direction: PreferenceDirection
    item_id: str | None
    category: str | None = Field(examples=["Horror"])
    attribute: str | None
    value: PreferenceValue | None
    change: float = Field(
        description="What the score would lack without this preference; below 0 for less.",
        examples=[0.31],
    )


class RuleEffectAnswer(BaseModel):
    """What a rule did to an item."""

    name: str = Field(description="Of the rule.", examples=["new films"])
    do: RuleAct
    change: float | None = Field(
        description="boost, bury: what the score would lack without the rule; below 0 for bury."
        " Null: the rule pinned the item, brought it into the list, or (cap) kept it from a"
        " position.",
        examples=[0.12],
    )


class ItemAnswer(ListedItemAnswer):
    """One recommended item."""

    score: float = Field(
        description="The blended score as the user's preferences and rules leave it, which the list"
        " is ordered by but for diversity, caps, pins and explored items; 0 for items that only"
        " fill it up."
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
    sources: dict[str, SourceScoreAnswer] | None = Field(
        None,
        description="Only with explain=true: what each source that has the item says of it; empty:"
        " none has. Null: as of because.",
    )
    blend_rank: int | None = Field(
        None,
        description="Only with explain=true: where the blend alone would have put it, from 1,"
        " before preferences, rules, diversity, caps and explored items. Null: no source brought"
        " it, or as of because.",
    )
    preferences: list[PreferenceChangeAnswer] | None = Field(
        None,
        description="Only with explain=true: the user's preferences that moved it, the largest"
        " change first. Null: as of because.",
    )
    rules: list[RuleEffectAnswer] | None = Field(
        None,
        description="Only with explain=true: the rules that touched it. Null: as of because.",
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


class ListedAnswer(FieldedAnswer):
    """A list, whoever it is for."""

    recommendation_id: uuid.UUID = Field(description="Give it back with the events it leads to.")
    placement: NamedPlacement | None = Field(description=OF_NO_PLACEMENT)
    experiment: NamedArm | None = Field(description=IN_NO_EXPERIMENT)
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
    preferences: int | None = Field(
        description="How many of the user's preferences the list follows; 0 of a group. Null: they"
        " could not be looked up or applied just now."
    )
    next: str | None = Field(None, description=NEXT)
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
    removed: dict[RemovalReason, int] | None = Field(
        None,
        description=REMOVED,
        examples=[{"seen": 12, "filter": 3}],
    )
    rules_for_users: list[str] | None = Field(
        None,
        description="Only with explain=true: rules for some users which do not hold, because"
        " nobody is named, or nothing could be looked up of the user just now.",
        examples=[["children"]],
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


class ListForUser(BaseModel):
    """What one of many users gets: a list or a problem."""

    user_id: str
    answer: RecommendationAnswer | None = None
    problem: InnerProblem | None = None


class ManyAnswer(BaseModel):
    """Lists for many users, in the order in which they were named."""

    lists: list[ListForUser]


def recommendation_answer(
    user_id: str | None,
    given: Recommendation,
    *,
    explained: Explained,
    next_cursor: str | None = None,
) -> dict[str, Any]:
    """The fields of `RecommendationAnswer`, ready to be written."""
    answer = {**fields_of_answer(given, next_cursor), **_fields_of_list(user_id, given, explained)}
    if explained == "no":
        return answer
    explanation = given.answer.result.explanation
    return {
        **answer,
        "because_withheld": WITHHELD if explained == "withheld" else None,
        "removed": explanation.removed if explanation is not None and explained == "yes" else None,
        "rules_for_users": given.rules.for_users if explained == "yes" else None,
    }


def fields_of_answer(given: Recommendation, next_cursor: str | None) -> dict[str, Any]:
    """Those that are others in the next answer with the same list."""
    found = given.answer
    return {
        "recommendation_id": given.recommendation_id,
        "source": found.source,
        "run": run_answer(found.result.run),
        "next": next_cursor,
        "generated_at": given.generated_at,
        "generation_time_ms": found.generation_time_ms,
        "list_age_seconds": found.age_seconds,
        "live_vector_age_seconds": _age(found.result.vector_at),
    }


def _fields_of_list(
    user_id: str | None, given: Recommendation, explained: Explained
) -> dict[str, Any]:
    found = given.answer
    result = found.result
    return {
        "user_id": user_id,
        "placement": named_placement(given.decision),
        "experiment": named_arm(given.decision),
        "items": [
            _item_answer(item, result.explanation, explained=explained) for item in result.items
        ],
        "strategy": result.strategy,
        "categories_meant": given.categories_meant,
        "degraded": found.degraded,
        "exclusions": found.exclusions,
        "policy": result.policy,
        "preferences": result.preferences,
        "algorithm_version": algorithm_version(result.run),
    }


def _age(at: datetime | None) -> float | None:
    return None if at is None else round((datetime.now(UTC) - at).total_seconds(), 3)


_EXPLAINED = ("because", "sources", "blend_rank", "preferences", "rules")
"""What an item has only with explain=true."""


def _item_answer(
    item: RecommendedItem, explanation: Explanation | None, *, explained: Explained
) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "item_id": item.item_id,
        "title": item.title,
        "score": item.score,
        "scores": item.scores,
        "explored": item.explored,
    }
    if explained == "no":
        return answer
    if explained == "withheld":
        return {**answer, **dict.fromkeys(_EXPLAINED)}
    return {
        **answer,
        "because": item.because,
        "sources": explanation.sources.get(item.item_id, {}) if explanation else {},
        "blend_rank": explanation.blend_ranks.get(item.item_id) if explanation else None,
        "preferences": explanation.preferences.get(item.item_id, ()) if explanation else (),
        "rules": explanation.rules.get(item.item_id, ()) if explanation else (),
    }
