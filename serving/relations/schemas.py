"""What the routes of relations take and answer."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypeAliasType

from serving.answering.fields import FieldedAnswer, ListedItemAnswer
from serving.answering.pipeline import Answer
from serving.answering.schemas import (
    DEGRADED,
    EXCLUDE_SEEN,
    EXCLUSIONS,
    EXCLUSIONS_OF_USER,
    ExclusionKnowledge,
    FilterQuery,
    FindingQuery,
    RunAnswer,
    run_answer,
)
from serving.http.values import AS_INTEGER, AS_NUMBER, Identifier, QueryBoolean, UserIdentifier
from serving.relations.pair_similarity import PairLacks, Pairs, PairScore, PairScores
from serving.relations.related_users import Lacking, RelatedUsers
from serving.relations.surprising import SurprisingList, SurprisingStrategy
from serving.relations.together import Mode, TogetherList
from serving.runtime.faults import Fault, invalid_request

MOST_PAIRS = 1_000
MOST_KINDS = 20
LONGEST_WITHIN_MINUTES = 43_200
LONGEST_DAYS = 366

TogetherMode = TypeAliasType("TogetherMode", Mode)
TogetherSource = TypeAliasType("TogetherSource", Literal["cache", "strict", "relaxed"])
SurprisingItemsStrategy = TypeAliasType("SurprisingItemsStrategy", SurprisingStrategy)
SurprisingSource = TypeAliasType(
    "SurprisingSource", Literal["cache", "surprising", "known", "no_vector"]
)
NothingToCompare = TypeAliasType("NothingToCompare", Lacking)
PairLacking = TypeAliasType("PairLacking", PairLacks)


class RelatedUserAnswer(BaseModel):
    """One user."""

    model_config = ConfigDict(from_attributes=True)

    user_id: str = Field(examples=["bob"])
    score: float = Field(description="The cosine of both vectors, at most 1.")


class RelatedUsersAnswer(BaseModel):
    """Users, the nearest first."""

    users: list[RelatedUserAnswer]
    run: RunAnswer | None = Field(description="Null before the first run is published.")
    lacking: NothingToCompare | None = Field(
        description="Why there are none to compare. run: none is published yet. user_vector: the"
        " user has done nothing yet that says anything of a taste. item_vector: the run knows"
        " nothing of the item. Null: nothing is lacking."
    )


def related_users_answer(found: RelatedUsers) -> dict[str, Any]:
    """The fields of `RelatedUsersAnswer`, ready to be written."""
    return {
        "users": [{"user_id": user.user_id, "score": user.score} for user in found.users],
        "run": run_answer(found.run),
        "lacking": found.lacking,
    }


class ActiveUserAnswer(BaseModel):
    """One user, and how much they did."""

    model_config = ConfigDict(from_attributes=True)

    user_id: str = Field(examples=["ann"])
    events: int
    last_at: datetime = Field(description="When the last of these happened.")


class ActiveUsersAnswer(BaseModel):
    """Users, the most active first."""

    model_config = ConfigDict(from_attributes=True)

    users: list[ActiveUserAnswer]
    since: datetime = Field(description="Events that happened since then are counted.")
    is_complete: bool = Field(
        description="False: there were so many that only the 100,000 stored last were counted."
    )


Days = Annotated[float, Ge(0.01), Le(LONGEST_DAYS), AS_NUMBER]


class TogetherQuery(FindingQuery):
    """The parameters of the query."""

    mode: Annotated[
        TogetherMode,
        Field(
            description="strict: used by the same user within `within_minutes` of the item, as in"
            " a session or an order. relaxed: used by the same user at any time."
        ),
    ] = "relaxed"
    within_minutes: Annotated[
        int,
        Ge(1),
        Le(LONGEST_WITHIN_MINUTES),
        AS_INTEGER,
        Field(description="Of strict lists: so long before or after the item."),
    ] = 1440
    kind: Annotated[
        list[Identifier] | None,
        Field(
            max_length=MOST_KINDS,
            description="Only events of this kind count, as purchase; may be repeated. Left out:"
            " all that speak for an item.",
            examples=[["purchase"]],
        ),
    ] = None
    exclude_seen: Annotated[QueryBoolean, Field(description=EXCLUDE_SEEN)] = True


class TogetherItemAnswer(ListedItemAnswer):
    """One item that users of the other one used too."""

    score: float = Field(
        description="How much more that is than chance, in [0, 1]: a cosine, shrunk where few"
        " users are known."
    )
    share: float = Field(description="Share of the users who were looked at, in (0, 1].")
    users: int = Field(description="How many that is; at least 2.")


class TogetherAnswer(FieldedAnswer):
    """Items that go with one."""

    items: list[TogetherItemAnswer]
    source: TogetherSource = Field(description="Where the list comes from now.")
    strategy: TogetherMode
    degraded: str | None = Field(description=DEGRADED)
    exclusions: ExclusionKnowledge | None = Field(description=EXCLUSIONS_OF_USER)
    run: RunAnswer | None = Field(
        description="The run that tells how well known the items are; null before the first."
    )
    generation_time_ms: float


def together_answer(found: Answer[TogetherList]) -> dict[str, Any]:
    """The fields of `TogetherAnswer`, ready to be written."""
    return {
        "items": [
            {
                "item_id": item.item_id,
                "title": item.title,
                "score": item.score,
                "share": item.share,
                "users": item.users,
            }
            for item in found.result.items
        ],
        **_of_list(found),
    }


class SurprisingQuery(FilterQuery):
    """The parameters of the query."""

    exclude_seen: Annotated[
        QueryBoolean,
        Field(description="False: only items the user disliked or hid are left out."),
    ] = True
    known: Annotated[
        QueryBoolean,
        Field(
            description="True: of the items the user liked those that are least like the others;"
            " tells what the user did, so a key needs the scope users too."
        ),
    ] = False


class SurprisingItemAnswer(ListedItemAnswer):
    """One item."""

    score: float = Field(
        description="relevance times novelty, in [0, 1]; of a known item the live score, lowest"
        " first."
    )
    relevance: float | None = Field(
        description="How near to the user's taste, in [0, 1] among the 200 nearest items. Null: a"
        " known item."
    )
    novelty: float | None = Field(
        description="1 - ln(1 + users) / ln(1 + users of the best known item). Null: a known item."
    )
    users: int = Field(description="Users of the run who like it.")


class SurprisingAnswer(FieldedAnswer):
    """Items that would surprise a user, or did."""

    recommendation_id: uuid.UUID | None = Field(
        description="To be given back with the events the list leads to. Null: known items are no"
        " recommendation."
    )
    user_id: str = Field(examples=["ann"])
    items: list[SurprisingItemAnswer]
    source: SurprisingSource = Field(description="Where the list comes from now.")
    strategy: SurprisingItemsStrategy = Field(
        description="no_vector: the user has no taste that is known yet, and the list is empty."
    )
    degraded: str | None = Field(description=DEGRADED)
    exclusions: ExclusionKnowledge | None = Field(description=EXCLUSIONS)
    run: RunAnswer | None = Field(description="Null before the first run is published.")
    generation_time_ms: float


def surprising_answer(
    recommendation_id: uuid.UUID | None, user_id: str, found: Answer[SurprisingList]
) -> dict[str, Any]:
    """The fields of `SurprisingAnswer`, ready to be written."""
    return {
        "recommendation_id": recommendation_id,
        "user_id": user_id,
        "items": [
            {
                "item_id": item.item_id,
                "title": item.title,
                "score": item.score,
                "relevance": item.relevance,
                "novelty": item.novelty,
                "users": item.users,
            }
            for item in found.result.items
        ],
        **_of_list(found),
    }


def _of_list(found: Answer[Any]) -> dict[str, Any]:
    """What answers with lists have in common."""
    return {
        "source": found.source,
        "strategy": found.result.strategy,
        "degraded": found.degraded,
        "exclusions": found.exclusions,
        "run": run_answer(found.result.run),
        "generation_time_ms": found.generation_time_ms,
    }


_ItemPair = Annotated[list[Identifier], Field(min_length=2, max_length=2)]
_UserItemPair = Annotated[list[Identifier], Field(min_length=2, max_length=2)]
_UserPair = Annotated[list[UserIdentifier], Field(min_length=2, max_length=2)]


class SimilarityBody(BaseModel):
    """The pairs that are asked about: a thousand at most, in all three lists together."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "item_pairs": [["stalker-1979", "alien-1979"]],
                    "user_item_pairs": [["ann", "stalker-1979"]],
                    "user_pairs": [["ann", "bob"]],
                }
            ]
        },
    )

    item_pairs: list[_ItemPair] = Field(
        default_factory=list, max_length=MOST_PAIRS, description="Two items each."
    )
    user_item_pairs: list[_UserItemPair] = Field(
        default_factory=list,
        max_length=MOST_PAIRS,
        description="A user, then an item. With a token for one user, `me` or that user. A key"
        " needs the scope users.",
    )
    user_pairs: list[_UserPair] = Field(
        default_factory=list,
        max_length=MOST_PAIRS,
        description="Two users each. A key needs the scope users; a token may not.",
    )


class PairAnswer(BaseModel):
    """What is known of one pair."""

    score: float | None
    lacking: PairLacking | None = Field(
        description="Why there is no score. first, second, both: unknown here. vector: the run"
        " knows nothing of one of them. Null: there is one."
    )


class SimilarityAnswer(BaseModel):
    """A score for each pair, in the order in which the pairs were given."""

    item_pairs: list[PairAnswer] = Field(
        description="As of similar items: by use and by words, at most 1."
    )
    user_item_pairs: list[PairAnswer] = Field(
        description="The live score: what the source `speed` ranks items by. It compares items of"
        " one user, not users."
    )
    user_pairs: list[PairAnswer] = Field(
        description="The cosine of both tastes, as of similar users, at most 1."
    )
    run: RunAnswer | None = Field(description="Null before the first run is published.")


def similarity_answer(scores: PairScores) -> dict[str, Any]:
    """The fields of `SimilarityAnswer`, ready to be written."""

    def written(pairs: Sequence[PairScore]) -> list[dict[str, Any]]:
        return [{"score": pair.score, "lacking": pair.lacking} for pair in pairs]

    return {
        "item_pairs": written(scores.items),
        "user_item_pairs": written(scores.user_items),
        "user_pairs": written(scores.users),
        "run": run_answer(scores.run),
    }


def pairs_of(body: SimilarityBody, user_items: list[tuple[str, str]]) -> Pairs:
    """The pairs of a body, with the users of pairs as the caller may name them.

    FaultyInputError if they are none, or too many.
    """
    pairs = len(body.item_pairs) + len(body.user_item_pairs) + len(body.user_pairs)
    if not 1 <= pairs <= MOST_PAIRS:
        detail = f"There are {pairs:,} pairs. Ask for 1 to {MOST_PAIRS:,} at once."
        raise invalid_request([Fault("", detail)])
    return Pairs(
        items=[(first, second) for first, second in body.item_pairs],
        user_items=user_items,
        users=[(first, second) for first, second in body.user_pairs],
    )
