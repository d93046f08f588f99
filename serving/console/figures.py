"""What the figures of runs are called, and what they mean in a sentence."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of a run."""

    name: str
    """As it is stored."""
    label: str
    meaning: str


_DEPTH: Final = 20

FIGURES: tuple[Figure, ...] = (
    Figure(
        f"ndcg@{_DEPTH}",
        "nDCG@20",
        "How high in their first 20 items users found what they went on to like: 1 is a perfect"
        " order, 0 is nothing found. The promotion gate compares this one.",
    ),
    Figure(
        f"recall@{_DEPTH}",
        "Recall@20",
        "The share of what users went on to like that was among their first 20 items.",
    ),
    Figure(
        f"hit_rate@{_DEPTH}",
        "Hit rate@20",
        "The share of users who went on to like at least one of their first 20 items.",
    ),
    Figure(
        "mrr",
        "MRR",
        "One divided by the rank of the first item that a user went on to like, on average.",
    ),
    Figure(
        f"coverage@{_DEPTH}",
        "Coverage@20",
        "The share of the catalogue that stands in at least one user's first 20 items.",
    ),
    Figure(
        f"novelty@{_DEPTH}",
        "Novelty@20",
        "How little known the first 20 items are, in bits: 1 more is known to half as many users.",
    ),
)

BY_NAME: Mapping[str, Figure] = {figure.name: figure for figure in FIGURES}

TERMS: Mapping[str, str] = {
    "interval": "The lines show 95 % confidence: of other users of the same kind the figure would"
    " lie within, 19 times of 20.",
    "popularity": "The list of what was liked most, the same for everybody, on the same future. A"
    " run that does not beat it is not worth its night.",
    "served": "What the run served until then reaches when it is learned on the same past.",
    "gate": "The promotion gate lets a run be served only if it is no worse than the served run"
    " and better than the popular list, on interactions it has not seen.",
    "retained": "Kept with all its lists and vectors, and so can be served again within a second.",
    "cut-off": "The run has learned from what was stored before this time; what came later, live"
    " vectors know.",
}
"""Other words that need a sentence."""

STATES: Mapping[str, tuple[str, str]] = {
    "published": ("Published", "good"),
    "training": ("Learning", "busy"),
    "evaluated": ("Passed the gate", "busy"),
    "refused": ("Refused", "warn"),
    "failed": ("Failed", "bad"),
    "retired": ("Retired", ""),
}
"""What a state is called, and how its dot looks."""
