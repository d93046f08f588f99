"""What lists are where a request does not say: the blend of the sources, and the reranking."""

from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from domain.blend import NEIGHBOURS, BlendPolicy, Policy
from serving.lists.list_builder import RerankingPolicy
from serving.lists.request import MOST_NOT_AGAIN_DAYS
from serving.server.settings import Count, Positive, Share
from sql.environment import LayerSettings

# Where a policy has a default, the setting takes it from there.
_BLEND = BlendPolicy()
_RERANKING = RerankingPolicy()


class BlendSettings(LayerSettings):
    """How the sources are blended; replay reads it too."""

    model_config = SettingsConfigDict(env_prefix="TANDEM_")

    blend_policy: Policy = Field(
        _BLEND.policy,
        description="fixed: the weights stay; adaptive: the batch weight falls with each event;"
        " learned: as the night found best.",
    )
    blend_batch_weight: Share = Field(
        _BLEND.batch_weight,
        description="The batch list's weight; the speed layer has the rest, 0.3 by default.",
    )
    blend_sharpness: Positive = Field(
        _BLEND.sharpness,
        description="The power that scaled scores are raised to; 1 leaves them as they are.",
    )
    blend_half_life_events: Positive = Field(
        _BLEND.half_life_events,
        description="adaptive: events since the cut-off that halve the batch weight.",
    )
    blend_neighbours_weight: Share = Field(
        0.0,
        description="Weight of what the users most like this one like, where batch and speed weigh"
        " 1 together. 0: they are not looked for.",
    )

    def blend(self) -> BlendPolicy:
        """How the sources are blended."""
        more = {NEIGHBOURS: self.blend_neighbours_weight}
        return BlendPolicy(
            policy=self.blend_policy,
            batch_weight=self.blend_batch_weight,
            sharpness=self.blend_sharpness,
            half_life_events=self.blend_half_life_events,
            more={name: weight for name, weight in more.items() if weight > 0.0},
        )


class RerankingSettings(LayerSettings):
    """What lists are where a request does not say; replay reads it too."""

    model_config = SettingsConfigDict(env_prefix="TANDEM_")

    exploration_share: Annotated[float, Field(ge=0, le=0.5)] = Field(
        _RERANKING.explore,
        description="The share of a list that goes to new items, so that they become known.",
    )
    new_item_users: Count = Field(5, description="An item liked by fewer users is new.")
    diversity: Share = Field(
        _RERANKING.diversity,
        description="0: the order of the blended scores; 1: items as unlike each other as can be.",
    )
    max_per_category: Annotated[int, Field(ge=1)] | None = Field(
        _RERANKING.max_per_category,
        description="The most items of one category in a list, as long as others are eligible.",
    )
    not_again_hours: Annotated[float, Field(ge=0, le=24 * MOST_NOT_AGAIN_DAYS)] = Field(
        0.0,
        description="What was shown to a user within so many hours and not used gives way to other"
        " items. 0: it does not.",
    )

    def reranking(self) -> RerankingPolicy:
        """What lists are where a request does not say."""
        return RerankingPolicy(
            self.exploration_share,
            self.diversity,
            self.max_per_category,
            self.not_again_hours * 3600,
        )
