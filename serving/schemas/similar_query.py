"""What GET /v1/items/{item_id}/similar and GET /v1/similar may be asked."""

from collections.abc import Iterable
from typing import Annotated

from pydantic import Field

from domain.identifiers import ItemId
from serving.http.values import Identifier, QueryBoolean
from serving.schemas.finding import EXCLUDE_SEEN, FindingQuery
from serving.services.searching.similar import SimilarRequest

MOST_SEEDS = 20


class SimilarQuery(FindingQuery):
    """The parameters of the query where the path names the item."""

    exclude_seen: Annotated[QueryBoolean, Field(description=EXCLUDE_SEEN)] = True

    def like(self, item_ids: Iterable[str]) -> SimilarRequest:
        """What is looked for, given the items to be like."""
        return SimilarRequest(
            item_ids=tuple(ItemId(item_id) for item_id in dict.fromkeys(item_ids)),
            limit=self.limit,
            filters=self.filters(),
            exclude_seen=self.exclude_seen,
        )


class SimilarToSeveralQuery(SimilarQuery):
    """The parameters of the query where it names the items."""

    item_id: Annotated[
        list[Identifier],
        Field(
            min_length=1,
            max_length=MOST_SEEDS,
            description="Items to be like, each equally; those that do not exist are in"
            " unknown_item_ids.",
            examples=[["stalker-1979", "solaris-1972"]],
        ),
    ]
