"""The bodies of /v1/users/{user_id}."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from typing_extensions import TypeAliasType

from serving.http.entries import (
    MOST_ENTRIES,
    REFUSED_LATER,
    Errors,
    Outcome,
    RefusedEntry,
)
from serving.http.values import (
    MOST_ITEMS,
    MOST_WORDS,
    Attributes,
    Identifier,
    Phrase,
    UserIdentifier,
    without_default,
)


def _distinct(given: list[str]) -> list[str]:
    return list(dict.fromkeys(given))


Words = Annotated[list[Phrase], Field(max_length=MOST_WORDS), AfterValidator(_distinct)]
Items = Annotated[list[Identifier], Field(max_length=MOST_ITEMS), AfterValidator(_distinct)]


class InterestsBody(BaseModel):
    """What a user likes."""

    model_config = ConfigDict(extra="forbid")

    words: Words = Field(
        [],
        description="Words or phrases, and names of categories, as people write them.",
        examples=[["robots", "film noir"]],
    )
    items: Items = Field(
        [],
        description="Items of the catalogue. They count as seen: they are not recommended.",
        examples=[["stalker-1979"]],
    )


class UserBody(BaseModel):
    """All that is said of a user; what is left out takes its default."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "attributes": {"country": "NL"},
                    "interests": {"words": ["robots", "film noir"], "items": ["stalker-1979"]},
                }
            ]
        },
    )

    attributes: Attributes = {}
    interests: InterestsBody = InterestsBody()


class UserEntry(UserBody):
    """A user of a batch."""

    user_id: UserIdentifier


class UserBatch(BaseModel):
    """Up to 1,000 users, each once."""

    model_config = ConfigDict(extra="forbid")

    users: Annotated[
        list[Annotated[UserEntry, REFUSED_LATER]], Field(min_length=1, max_length=MOST_ENTRIES)
    ]

    def entries(self) -> list[UserEntry | RefusedEntry]:
        """The users in their order, those that are not well formed too."""
        return list(self.users)


class InterestsPatch(BaseModel):
    """Other interests; what is left out stays, and null is none."""

    model_config = ConfigDict(extra="forbid")

    words: Words | None = Field(None, json_schema_extra=without_default)
    items: Items | None = Field(None, json_schema_extra=without_default)


class UserPatch(BaseModel):
    """What is to be different, as a JSON merge patch (RFC 7396); what is left out stays.

    `null` takes an attribute or all interests away; words and items are replaced as a whole.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"attributes": {"country": "BE", "trial": None}}],
        },
    )

    attributes: Attributes | None = Field(None, json_schema_extra=without_default)
    interests: InterestsPatch | None = Field(None, json_schema_extra=without_default)


class MergeBody(BaseModel):
    """Who becomes part of the user."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"from": "visitor-1"}]}
    )

    from_id: UserIdentifier = Field(
        alias="from", description="An id under which the same person was known, or will be."
    )


class MergedAnswer(BaseModel):
    """What became of two users: they are one, either way."""

    user_id: str = Field(description="As it was given.", examples=["ann"])
    from_id: str = Field(alias="from", description="As it was given.", examples=["visitor-1"])
    merged: bool = Field(description="True: just now. False: before.")
    events: int = Field(description="Events that changed hands just now.", examples=[12])


class WordAnswer(BaseModel):
    """A declared word or phrase."""

    model_config = ConfigDict(from_attributes=True)

    word: str = Field(examples=["robots"])
    known: bool = Field(
        description="Whether the served run has learned anything of it from the texts of items."
        " If not, it is kept, and counts once a run has."
    )


class InterestsAnswer(BaseModel):
    """What the user likes, as declared."""

    model_config = ConfigDict(from_attributes=True)

    words: list[WordAnswer]
    items: list[str]


class UserAnswer(BaseModel):
    """What is said of a user. What the user did is not shown here."""

    model_config = ConfigDict(from_attributes=True)

    user_id: str
    attributes: dict[str, Any]
    interests: InterestsAnswer
    declared_at: datetime | None = Field(
        description="When other interests were declared last. Null: none ever were."
    )
    created_at: datetime


class UsersAnswer(BaseModel):
    """Some users, in the order in which they came."""

    users: list[UserAnswer]
    next: str | None = Field(description="The cursor of what follows; null: this was the last.")


class UserResult(BaseModel):
    """What became of one user of a batch."""

    user_id: str | None = Field(description="Null: the entry has no good one.", examples=["ann"])
    status: TypeAliasType("UserStatus", Outcome)  # type: ignore[valid-type]
    errors: Errors


class UserBatchAnswer(BaseModel):
    """What became of the batch."""

    created: int = Field(description="Users that are new.", examples=[2])
    replaced: int = Field(description="Users that were there before.", examples=[1])
    refused: int = Field(description="Entries that were not stored.", examples=[0])
    results: list[UserResult] = Field(description="One an entry, in their order.")


class RemovedCounts(BaseModel):
    """How much was removed, by where it was."""

    users: int = Field(description="1, or 0 if there was no such user.", examples=[1])
    interests: int = Field(description="1 if the user ever declared interests.", examples=[1])
    preferences: int = Field(
        description="What the user wanted more or less of in lists.", examples=[2]
    )
    interactions: int = Field(description="Events of the user.", examples=[214])
    event_deletions: int = Field(description="Notes of events deleted before.", examples=[2])
    history_changes: int = Field(
        description="Notes of events that went with a load that was taken back.", examples=[0]
    )
    merged_ids: int = Field(description="Ids that were merged into the user.", examples=[1])
    impressions: int = Field(description="Answers that were given to the user.", examples=[38])
    recommendation_lists: int = Field(
        description="Batch lists, one in each retained model run.", examples=[3]
    )
    user_embeddings: int = Field(
        description="Live vectors, one in each retained model run.", examples=[3]
    )
    activity: int = Field(description="1 if analysts' counts had the user.", examples=[1])
    experiments: int = Field(description="Experiments the user was in.", examples=[1])
    accounts: int = Field(description="1 if somebody could sign in as the user.", examples=[1])
    sessions: int = Field(description="Of that account.", examples=[2])
    kafka_rejects: int = Field(
        description="Messages of a topic that were no events of the user.", examples=[0]
    )
    loads: int = Field(
        description="Loads of files whose reports or options named the user.", examples=[0]
    )
    cached_answers: int | None = Field(
        description="Answers in Redis. Null: Redis is away; what it holds does not count when it is"
        " back, and expires.",
        examples=[4],
    )


class ForgottenUserAnswer(BaseModel):
    """What was removed. All numbers are 0 if nothing was known of the user."""

    user_id: str = Field(description="As it was given.", examples=["ann"])
    removed: RemovedCounts
