"""What is known now, and how long it takes to know more, in words."""

import math
from dataclasses import dataclass

from serving.experiments.statistics import Difference, users_until

_LONGEST_DAYS = 365


@dataclass(frozen=True, slots=True)
class Comparison:
    """One arm against the control: `unit` is that of the outcome, such as "clicks per user"."""

    arm: str
    control: str
    unit: str
    difference: Difference
    alpha: float
    tuned_to: float
    days: float


def days_until_decided(compared: Comparison) -> float | None:
    """Days until the interval excludes 0 if the difference stays as it is now.

    0: it does. None: nothing can be said yet, or it takes more than a year.
    """
    found = compared.difference
    if found.is_decided:
        return 0.0
    if not found.is_known or found.mean == 0 or compared.days <= 0:
        return None
    needed = users_until(
        abs(found.mean), found.deviation, alpha=compared.alpha, tuned_to=compared.tuned_to
    )
    days = (needed - found.users) / (found.users / compared.days)
    return max(days, 0.0) if days <= _LONGEST_DAYS else None


def format_finding(compared: Comparison) -> str:
    """A sentence or two that somebody who knows no statistics understands."""
    found = compared.difference
    if not found.is_known:
        return (
            f"Too few users to compare {compared.arm} with {compared.control}: "
            f"{found.users:,} whose window is over."
        )
    sure = f"with {_percent(1 - compared.alpha)} confidence"
    if not found.is_decided:
        return f"{_undecided(compared, sure)} {_outlook(compared)}"
    how = "more" if found.mean > 0 else "less"
    return (
        f"{compared.arm} brings {how} than {compared.control}: {found.mean:+.4g} {compared.unit},"
        f" between {found.low:+.4g} and {found.high:+.4g} {sure}."
    )


def _undecided(compared: Comparison, sure: str) -> str:
    found = compared.difference
    return (
        f"Not decided: {compared.arm} brings between {found.low:+.4g} and {found.high:+.4g} "
        f"{compared.unit} more than {compared.control}, {sure}."
    )


def _outlook(compared: Comparison) -> str:
    days = days_until_decided(compared)
    if days is None:
        return "If the difference stays as it is, it takes more than a year to tell."
    return (
        f"If the difference stays as it is ({compared.difference.mean:+.4g}), "
        f"it is decided in about {max(1, math.ceil(days)):,} days."
    )


def _percent(share: float) -> str:
    return f"{100 * share:.4g}%"
