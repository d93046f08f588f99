"""The filters that recommendations, search and similar items take in their queries."""

from typing import Annotated

from pydantic import BaseModel, Field

from serving.candidates.filters import Filters
from serving.http.values import Identifier

MOST_CATEGORIES = 50


class FilterQuery(BaseModel):
    """Conditions on the items of a list; the parameters of a query are a subclass."""

    category: Annotated[
        list[Identifier] | None,
        Field(
            max_length=MOST_CATEGORIES,
            description="Only items of this category, written exactly so; repeated, of any of"
            " these.",
            examples=[["Comedy"]],
        ),
    ] = None
    exclude_category: Annotated[
        list[Identifier] | None,
        Field(
            max_length=MOST_CATEGORIES,
            description="No item of this category; may be repeated.",
            examples=[["Horror"]],
        ),
    ] = None

    def filters(self) -> Filters:
        """What the items are to meet."""
        return Filters.of(self.category or (), self.exclude_category or ())
