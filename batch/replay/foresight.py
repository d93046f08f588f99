"""What a replay says: figures by list and segment, and which setting would have served better."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from batch.evaluation.scoring import DEPTH
from batch.evaluation.segments import segments
from batch.replay.replaying import Replay
from domain.blend import BlendPolicy

CONVINCING = 2.0
"""So many standard errors a policy must be better by before a change is advised."""

CANDIDATES: Mapping[str, BlendPolicy] = {
    **{f"fixed {w:g}": BlendPolicy("fixed", batch_weight=w) for w in (0.9, 0.7, 0.5, 0.3, 0.1)},
    **{
        f"adaptive {h:g}": BlendPolicy("adaptive", half_life_events=h)
        for h in (1.0, 3.0, 10.0, 30.0)
    },
}
"""Policies a replay compares, by a short name."""

Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Advice:
    """Which policy would have served the log best."""

    policy: BlendPolicy
    gain: float
    """What it would have added to nDCG@20."""
    convincing: bool
    sentence: str


def figures(ranks: NDArray[np.integer]) -> Figures:
    """Hit rate and nDCG at 20 of ranks counted from 0; one item is to be foreseen each time."""
    return {
        f"hr@{DEPTH}": float((ranks < DEPTH).mean()),
        f"ndcg@{DEPTH}": float(_gains(ranks).mean()),
    }


def by_segment(replayed: Replay) -> dict[str, dict[str, Figures]]:
    """Figures by list and segment; a segment nobody is in is left out."""
    by_name: dict[str, dict[str, Figures]] = {}
    for name, ranks in replayed.ranks.items():
        by_name[name] = {
            segment: figures(ranks[indexes])
            for segment, indexes in segments(replayed.earlier).items()
        }
    return by_name


def advise(replayed: Replay, now: BlendPolicy) -> Advice:
    """Compare the policies by nDCG@20 with the one in use, which the replay holds as `now`.

    The replay must hold `CANDIDATES` by their names too.
    """
    current = _gains(replayed.ranks["now"])
    best = max(CANDIDATES, key=lambda name: float(_gains(replayed.ranks[name]).mean()))
    differences = _gains(replayed.ranks[best]) - current
    gain = float(differences.mean())
    error = float(differences.std() / np.sqrt(len(differences)))
    convincing = gain > CONVINCING * error
    policy = CANDIDATES[best] if convincing else now
    return Advice(
        policy, gain, convincing, _sentence(policy, now, current.mean(), gain, convincing)
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
        f"{_named(policy).capitalize()} would have served this log best: nDCG@{DEPTH}"
        f" {current + gain:.4f} against {current:.4f} of {_named(now)}. Set {_setting(policy)}."
    )


def _named(policy: BlendPolicy) -> str:
    weight = f"batch weight {policy.batch_weight:g}"
    if policy.policy == "fixed":
        return f"policy fixed with {weight}"
    return f"policy adaptive with {weight} and half-life {policy.half_life_events:g} events"


def _setting(policy: BlendPolicy) -> str:
    setting = (
        f"TANDEM_BLEND_POLICY={policy.policy} and TANDEM_BLEND_BATCH_WEIGHT={policy.batch_weight:g}"
    )
    if policy.policy == "adaptive":
        setting += f" and TANDEM_BLEND_HALF_LIFE_EVENTS={policy.half_life_events:g}"
    return setting


def _gains(ranks: NDArray[np.integer]) -> NDArray[np.float64]:
    """nDCG@20 of each validation event: 1 / log2(rank + 2) within the first 20, else 0."""
    near = np.minimum(ranks, DEPTH).astype(np.float64)
    return np.where(ranks < DEPTH, 1.0 / np.log2(near + 2.0), 0.0)
