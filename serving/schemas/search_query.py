"""What GET /v1/search may be asked."""

from typing import Annotated

from pydantic import AfterValidator, Field

from serving.http.values import NOT_BLANK, Documented, QueryBoolean, storable_text
from serving.schemas.finding import EXCLUDE_SEEN, FindingQuery
from serving.services.searching.search import SearchRequest

LONGEST_QUERY = 200


def _query_text(given: str) -> str:
    """ValueError if there is nothing to look for, or too much."""
    if not given.strip():
        raise ValueError(
            "The query q is empty. Give at least one word to look for, as in: toy story"
        )
    if len(given) > LONGEST_QUERY:
        raise ValueError(
            f"The query q is {len(given)} characters long. Give {LONGEST_QUERY} at"
            " most; the words that tell most are enough."
        )
    return given


class SearchQuery(FindingQuery):
    """The parameters of the query."""

    q: Annotated[
        str,
        AfterValidator(storable_text),
        AfterValidator(_query_text),
        Documented({"minLength": 1, "maxLength": LONGEST_QUERY, **NOT_BLANK.keywords}),
        Field(
            description='Words to look for; "words in quotes" follow each other, -word must not'
            " be there, or separates alternatives. The last word may be the beginning of one,"
            " unless a space follows it.",
            examples=["space odyssey", '"science fiction" -war'],
        ),
    ]
    exclude_seen: Annotated[QueryBoolean, Field(description=EXCLUDE_SEEN)] = False
    only_words: Annotated[
        QueryBoolean,
        Field(description="True: only items that match in words, however few, or none."),
    ] = False
    highlight: Annotated[
        QueryBoolean, Field(description="Whether to show where the words stand.")
    ] = True

    def to_request(self) -> SearchRequest:
        """What is looked for."""
        return SearchRequest(
            text=self.q,
            limit=self.limit,
            filters=self.filters(),
            exclude_seen=self.exclude_seen,
            only_words=self.only_words,
            highlight=self.highlight,
        )
