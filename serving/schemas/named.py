"""Choices with a name in the documentation, which generated clients take for their enums."""

from typing import Literal

from typing_extensions import TypeAliasType

from domain.blend import Policy
from serving.repositories.exclusions import Knowledge
from serving.services.diagnosis.finding import Severity
from serving.services.lists.made_list import Level, Source
from serving.services.searching.found_list import FoundSource, Match, SearchLevel, SimilarLevel
from serving.services.shelves.shelf import Window

PolicyName = TypeAliasType("PolicyName", Policy)
FindingSeverity = TypeAliasType("FindingSeverity", Severity)
RecommendationLevel = TypeAliasType("RecommendationLevel", Level)
RecommendationSource = TypeAliasType("RecommendationSource", Source)
FoundItemsSource = TypeAliasType("FoundItemsSource", FoundSource)
SearchMatch = TypeAliasType("SearchMatch", Match)
SearchResultLevel = TypeAliasType("SearchResultLevel", SearchLevel)
SimilarItemsLevel = TypeAliasType("SimilarItemsLevel", SimilarLevel)
TrendingWindow = TypeAliasType("TrendingWindow", Window)
PopularWindow = TypeAliasType("PopularWindow", Literal["day", "week", "month", "all"])
PopularLevel = TypeAliasType("PopularLevel", Literal["popular", "fallback"])
TrendingLevel = TypeAliasType("TrendingLevel", Literal["trending", "popular", "fallback"])
LatestLevel = TypeAliasType("LatestLevel", Literal["latest", "fallback"])
StarterLevel = TypeAliasType("StarterLevel", Literal["starter", "popular", "fallback"])
AliveStatus = TypeAliasType("AliveStatus", Literal["alive"])
ReadyStatus = TypeAliasType("ReadyStatus", Literal["ready"])
AwayDependency = TypeAliasType("AwayDependency", Literal["redis_away"])
ExclusionKnowledge = TypeAliasType("ExclusionKnowledge", Knowledge)
