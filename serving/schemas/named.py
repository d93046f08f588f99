"""Choices with a name in the documentation, which generated clients take for their enums."""

from typing import Literal

from typing_extensions import TypeAliasType

from domain.blend import Policy
from serving.exclusions.exclusions import Knowledge
from serving.lists.recommendation_list import Source, Strategy
from serving.services.diagnosis.finding import Severity
from serving.services.non_personalized.non_personalized_list import Window
from serving.services.searching.found_list import (
    FoundSource,
    Match,
    SearchStrategy,
    SimilarStrategy,
)

PolicyName = TypeAliasType("PolicyName", Policy)
FindingSeverity = TypeAliasType("FindingSeverity", Severity)
RecommendationStrategy = TypeAliasType("RecommendationStrategy", Strategy)
RecommendationSource = TypeAliasType("RecommendationSource", Source)
FoundItemsSource = TypeAliasType("FoundItemsSource", FoundSource)
SearchMatch = TypeAliasType("SearchMatch", Match)
SearchResultStrategy = TypeAliasType("SearchResultStrategy", SearchStrategy)
SimilarItemsStrategy = TypeAliasType("SimilarItemsStrategy", SimilarStrategy)
TrendingWindow = TypeAliasType("TrendingWindow", Window)
PopularWindow = TypeAliasType("PopularWindow", Literal["day", "week", "month", "all"])
PopularStrategy = TypeAliasType("PopularStrategy", Literal["popular", "fallback"])
TrendingStrategy = TypeAliasType("TrendingStrategy", Literal["trending", "popular", "fallback"])
LatestStrategy = TypeAliasType("LatestStrategy", Literal["latest", "fallback"])
StarterStrategy = TypeAliasType("StarterStrategy", Literal["starter", "popular", "fallback"])
AliveStatus = TypeAliasType("AliveStatus", Literal["alive"])
ReadyStatus = TypeAliasType("ReadyStatus", Literal["ready"])
AwayDependency = TypeAliasType("AwayDependency", Literal["redis_away"])
ExclusionKnowledge = TypeAliasType("ExclusionKnowledge", Knowledge)
