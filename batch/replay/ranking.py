"""The lists of one night as of an event, and where they have the item that came next.

The functions that blend here are the ones of `domain/` that serve.
"""

from collections.abc import Mapping
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from batch.replay.sources import SOURCES, FittedNight, best
from batch.space.validation_events import ValidationEvent
from domain.blend import BATCH, SPEED, AlignedRankings, BlendPolicy, blend
from domain.identifiers import ItemNo

MISSED = np.iinfo(np.int32).max
"""The rank of an item that a list does not hold."""
LEARNED: Final = "learned"
"""The name of the list that is blended as the night found best."""


def ranks_of(
    night: FittedNight, event: ValidationEvent, policies: Mapping[str, BlendPolicy]
) -> dict[str, int]:
    """The rank of the event's item in every list."""
    lists = lists_of(night, event, policies)
    return {name: rank_of(event.item_no, item_nos) for name, item_nos in lists.items()}


def blended_ranks_of(
    night: FittedNight, event: ValidationEvent, policies: Mapping[str, BlendPolicy]
) -> dict[str, int]:
    """The ranks that `ranks_of` has for the policies, without putting their lists in order."""
    policies = {name: policy.resolved(night.policy) for name, policy in policies.items()}
    asked = {name: policy.weights(event.since_cut_off) for name, policy in policies.items()}
    found = {
        name: source(night, event)
        for name, source in SOURCES.items()
        if any(name in weights for weights in asked.values())
    }
    popular: int | None = None
    ranks = {}
    alike: dict[tuple[float, tuple[tuple[str, float], ...]], int] = {}
    aligned: dict[tuple[str, ...], AlignedRankings] = {}
    for name, policy in policies.items():
        weights = asked[name]
        key = (policy.sharpness, tuple(weights.items()))
        if key not in alike:
            sources = tuple(weights)
            if sources not in aligned:
                aligned[sources] = AlignedRankings.of({each: found[each] for each in sources})
            if len(aligned[sources].item_nos):
                rank = aligned[sources].rank_of(event.item_no, weights, policy.sharpness)
            else:
                if popular is None:
                    popular = rank_of(event.item_no, best(night, event, night.popular).item_nos)
                rank = popular
            alike[key] = MISSED if rank is None else rank
        ranks[name] = alike[key]
    return ranks


def lists_of(
    night: FittedNight, event: ValidationEvent, policies: Mapping[str, BlendPolicy]
) -> dict[str, NDArray[np.int32]]:
    """Every list as of the event, best first, `learned` among them.

    One that is empty gives way to popular.
    """
    asked_for = {**policies, LEARNED: BlendPolicy(LEARNED)}
    policies = {name: policy.resolved(night.policy) for name, policy in asked_for.items()}
    popular = best(night, event, night.popular)
    asked = {name: policy.weights(event.since_cut_off) for name, policy in policies.items()}
    named = {BATCH, SPEED}.union(*asked.values())
    found = {name: SOURCES[name](night, event) for name in SOURCES if name in named}
    lists = {"popular": popular, **found}
    listed = {
        name: (ranking if len(ranking) else popular).item_nos for name, ranking in lists.items()
    }

    # Policies often ask the same sources, and for many events weigh them alike.
    @cache
    def aligned(*sources: str) -> AlignedRankings:
        return AlignedRankings.of({source: found[source] for source in sources})

    @cache
    def blended(sharpness: float, *weights: tuple[str, float]) -> NDArray[np.int32]:
        of_sources = aligned(*(source for source, _ in weights))
        ranked = of_sources.blended(dict(weights), sharpness)
        return (ranked if len(ranked) else popular).item_nos

    for name, policy in policies.items():
        listed[name] = blended(policy.sharpness, *asked[name].items())
    return listed


def blended_as_of(
    night: FittedNight, event: ValidationEvent, policy: BlendPolicy
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """The list of one policy with its scores, both (n,); popular if no source has anything."""
    policy = policy.resolved(night.policy)
    weights = policy.weights(event.since_cut_off)
    found = {name: SOURCES[name](night, event) for name in weights}
    ranked = blend(found, weights, policy.sharpness)
    if len(ranked):
        return ranked.item_nos, ranked.scores
    popular = best(night, event, night.popular)
    return popular.item_nos, popular.scaled()


def rank_of(item_no: ItemNo, item_nos: NDArray[np.integer]) -> int:
    """The rank of an item in a list (n,), counted from 0; `MISSED` if it is not there."""
    indexes = np.flatnonzero(item_nos == item_no)
    return int(indexes[0]) if len(indexes) else MISSED
