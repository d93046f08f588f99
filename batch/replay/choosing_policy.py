"""Choosing how the lists are blended, by a small replay of the held-out future."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from batch.choosing.paired import NO_EVIDENCE, Evidence, paired_difference
from batch.choosing.validation import DEPTH, FEWEST_EVENTS
from batch.evaluation.ranks import gains_at
from batch.replay.ranking import blended_ranks_of
from batch.replay.sources import FittedNight
from batch.space.validation_events import ValidationEvent
from domain.blend import BlendPolicy

DEFAULT = BlendPolicy("fixed")
CANDIDATES: Mapping[str, BlendPolicy] = {
    "fixed": DEFAULT,
    **{f"fixed {w:g}": BlendPolicy("fixed", batch_weight=w) for w in (0.5, 0.3, 0.1, 0.0)},
    **{
        f"adaptive {w:g} {h:g}": BlendPolicy("adaptive", batch_weight=w, half_life_events=h)
        for w in (0.7, 0.3)
        for h in (1.0, 3.0)
    },
}
"""Policies to choose from; of two as good the first is taken."""
MOST_EVENTS = 1_000
_STANDARD_ERRORS = 0.25
"""The best must be better than the default by so many. Little is enough: on no log looked at so far
was 70/30 the best, and the policies lie on a line, so that chance has little to choose from."""


@dataclass(frozen=True, slots=True)
class ChosenPolicy:
    """The choice, and what it rests on."""

    policy: BlendPolicy = DEFAULT
    evidence: Evidence = NO_EVIDENCE

    def described(self) -> dict[str, Any]:
        """As a figure of the run."""
        return self.evidence.described("blend", asdict(self.policy))


def choose_policy(
    night: FittedNight | None, events: Sequence[ValidationEvent], *, seed: int = 0
) -> ChosenPolicy:
    """The policy that foresees the events best; `night` has learned what came before them."""
    if night is None or len(events) < FEWEST_EVENTS:
        return ChosenPolicy()
    drawn = np.random.default_rng(seed).permutation(len(events))[:MOST_EVENTS]
    chosen = [events[index] for index in np.sort(drawn)]
    ranks = [blended_ranks_of(night, event, CANDIDATES) for event in chosen]
    gains = {name: gains_at(np.array([row[name] for row in ranks]), DEPTH) for name in CANDIDATES}
    user_nos = np.array([event.user_no for event in chosen], dtype=np.int32)
    default = gains["fixed"]
    best = max(gains, key=lambda name: float(gains[name].mean()))
    gain, error = paired_difference(gains[best], default, user_nos)
    name = best if gain > _STANDARD_ERRORS * error else "fixed"
    return ChosenPolicy(CANDIDATES[name], Evidence.of(gains[name], default, user_nos))
