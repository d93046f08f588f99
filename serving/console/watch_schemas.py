"""What the page Watch is asked, and what its clicks say."""

from typing import Annotated, Any, Literal

from annotated_types import Ge, Le
from pydantic import BaseModel, ConfigDict, Field, create_model

from serving.answering.list_values import SOURCE_NAMES
from serving.http.values import AS_INTEGER, Identifier, UserIdentifier
from serving.lists.asked_blend import AS_SET, AskedBlend

Weight = Annotated[int, Ge(0), Le(100), AS_INTEGER]
"""Of a source, against those of the others."""

WatchedKind = Literal["view", "like", "dislike", "hide"]


_WEIGHTS: dict[str, Any] = dict.fromkeys(SOURCE_NAMES, (Weight | None, None))
_SourceWeights = create_model("_SourceWeights", **_WEIGHTS)


class Watched(_SourceWeights):
    """Whose lists are watched, and how the sources weigh in the blend; None: as the settings say.

    All weights are left out or given, each under the name of its source, and with none above 0 it
    is as the settings say, too.
    """

    model_config = ConfigDict(extra="forbid")

    user_id: UserIdentifier

    def blend(self) -> AskedBlend:
        """The weights as a request for a list has them."""
        given = {name: getattr(self, name) or 0 for name in SOURCE_NAMES}
        weights = tuple((name, weight / 100) for name, weight in given.items() if weight)
        return AskedBlend(weights) if weights else AS_SET


class WatchQuery(BaseModel):
    """Whose lists the page shows."""

    model_config = ConfigDict(extra="forbid")

    user: Annotated[UserIdentifier | None, Field(description="Left out: nobody yet.")] = None


class ClickBody(Watched):
    """What the user does with an item."""

    item_id: Identifier
    kind: WatchedKind


class UndoBody(Watched):
    """An event that is not to count."""

    event_id: Identifier


class CatalogueQuery(BaseModel):
    """Words to look for."""

    model_config = ConfigDict(extra="forbid")

    user_id: UserIdentifier
    q: Annotated[str, Field(max_length=200)] = ""
