"""The gate: whether a new run may replace the one being served. Pure."""

from dataclasses import dataclass

from batch.evaluation import DEPTH, Figures
from batch.settings import BatchSettings


@dataclass(frozen=True, slots=True)
class Size:
    """How much a run learned from."""

    interactions: int
    served_interactions: int | None
    """What the served run learned from; None: there is no served run."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Figures on one and the same held-out future."""

    candidate: Figures
    popularity: Figures
    """Of the items with the most likers in the past."""
    recent_popularity: Figures
    """Of the popular list as it would be published. Told, but no hurdle: what is new is not what
    a user likes, and on few users it wins and loses by chance."""
    served: Figures | None
    """None: there is no served run to compare with."""

    def metrics(self) -> dict[str, float]:
        """As they are stored with the run."""
        served = {} if self.served is None else self.served.metrics("served_")
        return {
            **self.candidate.metrics(),
            **self.popularity.metrics("popularity_"),
            **self.recent_popularity.metrics("recent_popularity_"),
            **served,
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether to publish, and why, in a plain sentence."""

    accepted: bool
    reason: str


def judge(size: Size, comparison: Comparison | None, settings: BatchSettings) -> Verdict:
    """Decide; `comparison` is None when too few users could be evaluated."""
    refusal = _shrunk(size, settings)
    if refusal is None and comparison is not None:
        refusal = _worse_than_popularity(comparison) or _worse_than_served(comparison, settings)
    if refusal is not None:
        return Verdict(accepted=False, reason=refusal)
    return Verdict(accepted=True, reason=_praise(comparison, settings))


def _shrunk(size: Size, settings: BatchSettings) -> str | None:
    if size.served_interactions is None:
        return None
    share = settings.gate_fewest_interactions_share
    if size.interactions >= share * size.served_interactions:
        return None
    return (
        f"The history has shrunk to {size.interactions:,} interactions from"
        f" {size.served_interactions:,} of the served run; at least {share:.0%} of that is asked."
    )


def _worse_than_popularity(comparison: Comparison) -> str | None:
    candidate, popularity = comparison.candidate.ndcg, comparison.popularity.ndcg
    if candidate >= popularity:
        return None
    return (
        f"Worse than the popular list: nDCG@{DEPTH} {candidate:.4f} against {popularity:.4f}"
        f" for {comparison.candidate.users:,} users."
    )


def _worse_than_served(comparison: Comparison, settings: BatchSettings) -> str | None:
    if comparison.served is None:
        return None
    candidate, served = comparison.candidate.ndcg, comparison.served.ndcg
    if candidate >= served * (1.0 - settings.gate_margin):
        return None
    return (
        f"Worse than the served run: nDCG@{DEPTH} {candidate:.4f} against {served:.4f} for"
        f" {comparison.candidate.users:,} users, more than the margin of"
        f" {settings.gate_margin:.0%} allows."
    )


def _praise(comparison: Comparison | None, settings: BatchSettings) -> str:
    if comparison is None:
        return (
            f"Published without comparison: fewer than {settings.fewest_evaluated_users} users"
            " could be evaluated."
        )
    candidate, popularity = comparison.candidate, comparison.popularity
    against_served = (
        "" if comparison.served is None else f" and {comparison.served.ndcg:.4f} of the served run"
    )
    return (
        f"nDCG@{DEPTH} {candidate.ndcg:.4f} against {popularity.ndcg:.4f} of the popular list"
        f"{against_served}, for {candidate.users:,} users."
    )
