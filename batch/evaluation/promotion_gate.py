"""The promotion gate: whether a new run may replace the one being served. Pure."""

from dataclasses import dataclass

from batch.evaluation.bootstrap import LEVEL, Interval
from batch.evaluation.comparison import Comparison
from batch.evaluation.scoring import DEPTH
from batch.settings import BatchSettings


@dataclass(frozen=True, slots=True)
class Size:
    """How much a run learned from."""

    interactions: int
    served_interactions: int | None
    """What the served run learned from; None: there is no served run."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether to publish, and why, in plain sentences."""

    accepted: bool
    reason: str


def judge(size: Size, comparison: Comparison | None, settings: BatchSettings) -> Verdict:
    """Decide; `comparison` is None when too few users could be evaluated.

    A run is refused for what the interval of the paired difference in nDCG makes certain, not for
    a mean that chance may have made lower.
    """
    shrunk = _shrunk(size, settings)
    if shrunk is not None:
        return Verdict(accepted=False, reason=shrunk)
    if comparison is None:
        return Verdict(accepted=True, reason=_without_comparison(settings))
    differences = comparison.differences(settings.seed)
    refusal = _worse_than_popularity(comparison, differences["popularity"]) or _worse_than_served(
        comparison, differences.get("served"), settings
    )
    if refusal is not None:
        return Verdict(accepted=False, reason=refusal)
    return Verdict(accepted=True, reason=_praise(comparison, differences))


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


def _without_comparison(settings: BatchSettings) -> str:
    return (
        f"Published without comparison: fewer than {settings.fewest_evaluated_users} users"
        " could be evaluated."
    )


def _worse_than_popularity(comparison: Comparison, difference: Interval) -> str | None:
    if difference.high >= 0.0:
        return None
    candidate, popularity = comparison.candidate, comparison.popularity
    return (
        f"Worse than the popular list: nDCG@{DEPTH} {candidate.ndcg:.4f} against"
        f" {popularity.ndcg:.4f} for {candidate.users:,} users, {_format_interval(difference)}."
    )


def _worse_than_served(
    comparison: Comparison, difference: Interval | None, settings: BatchSettings
) -> str | None:
    if comparison.served is None or difference is None:
        return None
    allowed = -settings.gate_margin * comparison.served.ndcg
    if difference.high >= allowed:
        return None
    return (
        f"Worse than the served run: nDCG@{DEPTH} {comparison.candidate.ndcg:.4f} against"
        f" {comparison.served.ndcg:.4f} for {comparison.candidate.users:,} users,"
        f" {_format_interval(difference)}, all of it below {allowed:+.4f}, the margin of"
        f" {settings.gate_margin:.0%}."
    )


def _praise(comparison: Comparison, differences: dict[str, Interval]) -> str:
    candidate, popularity = comparison.candidate, comparison.popularity
    return (
        f"nDCG@{DEPTH} {candidate.ndcg:.4f} for {candidate.users:,} users, against"
        f" {popularity.ndcg:.4f} of the popular list"
        f" ({_format_interval(differences['popularity'])})"
        f"{_beside_served(comparison, differences)}.{_doubt(differences['popularity'])}"
    )


def _beside_served(comparison: Comparison, differences: dict[str, Interval]) -> str:
    served = comparison.served
    if served is None:
        return ""
    if served is comparison.candidate:
        return "; the served run has the same hyperparameters"
    return f" and {served.ndcg:.4f} of the served run ({_format_interval(differences['served'])})"


def _doubt(against_popularity: Interval) -> str:
    """What is said of a run that passes although the popular list did better."""
    if against_popularity.mean >= 0.0:
        return ""
    return (
        " The popular list did better, but by no more than chance can explain;"
        " the run is published all the same."
    )


def _format_interval(difference: Interval) -> str:
    return f"difference {difference.low:+.4f} to {difference.high:+.4f} with {LEVEL:.0%} confidence"
