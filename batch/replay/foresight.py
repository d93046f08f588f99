"""What a replay says: figures by list and segment, and which setting would have served better."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from batch.evaluation.bootstrap import clustered_interval
from batch.evaluation.ranks import gains_at, hits_at
from batch.evaluation.scoring import DEPTH
from batch.replay.ranking import LEARNED
from batch.replay.replaying import Replay
from domain.blend import BlendPolicy

_SEED = 0
"""Where the samples of the interval come from."""

CANDIDATES: Mapping[str, BlendPolicy] = {
    **{f"fixed {w:g}": BlendPolicy("fixed", batch_weight=w) for w in (0.9, 0.7, 0.5, 0.3, 0.1)},
    **{
        f"adaptive {h:g}": BlendPolicy("adaptive", half_life_events=h)
        for h in (1.0, 3.0, 10.0, 30.0)
    },
    LEARNED: BlendPolicy(LEARNED),
}
"""Policies a replay compares, by a short name."""

Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Advice:
    """Which policy would have served the log best."""

    policy: BlendPolicy
    gain: float
    """What the best of them would have added to nDCG@20."""
    convincing: bool
    """Whether the 95 % interval of the gain, users resampled, lies above 0."""
    sentence: str


def figures(ranks: NDArray[np.integer]) -> Figures:
    """Hit rate and nDCG at 20 of ranks counted from 0; one item is to be foreseen each time."""
    return {
        f"hr@{DEPTH}": float(hits_at(ranks, DEPTH).mean()),
        f"ndcg@{DEPTH}": float(gains_at(ranks, DEPTH).mean()),
    }


def by_segment(replayed: Replay) -> dict[str, dict[str, Figures]]:
    """Figures by list and segment; a segment nobody is in is left out."""
    members = replayed.moments.segments(replayed.earlier)
    return {
        name: {segment: figures(ranks[indexes]) for segment, indexes in members.items()}
        for name, ranks in replayed.ranks.items()
    }


def segment_sizes(replayed: Replay) -> dict[str, int]:
    """How many of the foreseen interactions each segment has."""
    members = replayed.moments.segments(replayed.earlier)
    return {segment: len(indexes) for segment, indexes in members.items()}


def advise(replayed: Replay, now: BlendPolicy) -> Advice:
    """Compare the policies by nDCG@20 with the one in use, which the replay holds as `now`.

    The replay must hold `CANDIDATES` by their names too. A change is advised if the 95 % interval
    of the difference lies above 0. Users are resampled with all their moments: a few who come often
    are most of the moments, and theirs are alike.
    """
    gains = {name: gains_at(replayed.ranks[name], DEPTH) for name in (*CANDIDATES, "now")}
    best = max(CANDIDATES, key=lambda name: float(gains[name].mean()))
    difference = clustered_interval(gains[best] - gains["now"], replayed.moments.user_nos, _SEED)
    convincing = difference.low > 0.0
    policy = CANDIDATES[best] if convincing else now
    current = float(gains["now"].mean())
    return Advice(
        policy,
        difference.mean,
        convincing,
        _sentence(policy, now, current, difference.mean, convincing),
    )


def _sentence(
    policy: BlendPolicy,
    now: BlendPolicy,
    current: float,
    gain: float,
    convincing: bool,  # noqa: FBT001
) -> str:
    if not convincing:
        return (
            f"The policy in use ({_named(now)}, nDCG@{DEPTH} {current:.4f}) would have served"
            " this log as well as any other: leave the settings as they are."
        )
    return (
        f"{_capitalized(_named(policy))} would have served this log best: nDCG@{DEPTH}"
        f" {current + gain:.4f} against {current:.4f} of {_named(now)}. Set {_setting(policy)}."
    )


def _capitalized(text: str) -> str:
    return text[:1].upper() + text[1:]


def _named(policy: BlendPolicy) -> str:
    if policy.policy == LEARNED:
        return "the policy that each night learned"
    weight = f"batch weight {policy.batch_weight:g}"
    if policy.policy == "fixed":
        return f"policy fixed with {weight}"
    return f"policy adaptive with {weight} and half-life {policy.half_life_events:g} events"


def _setting(policy: BlendPolicy) -> str:
    if policy.policy == LEARNED:
        return f"TANDEM_BLEND_POLICY={LEARNED}"
    setting = (
        f"TANDEM_BLEND_POLICY={policy.policy} and TANDEM_BLEND_BATCH_WEIGHT={policy.batch_weight:g}"
    )
    if policy.policy == "adaptive":
        setting += f" and TANDEM_BLEND_HALF_LIFE_EVENTS={policy.half_life_events:g}"
    return setting
