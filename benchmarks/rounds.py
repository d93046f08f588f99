"""Rates of interleaved rounds, their ratios to a baseline in the same rounds, and their spread."""

import statistics
from collections.abc import Mapping, Sequence

from rich.table import Table


def divided(rates: Sequence[float], baseline: Sequence[float]) -> list[float]:
    """Each round's rate as a share of the baseline's in that round."""
    return [rate / base for rate, base in zip(rates, baseline, strict=True)]


def spread(values: Sequence[float]) -> dict[str, float]:
    """The median of the rounds, the least and the most."""
    found = {"median": statistics.median(values), "least": min(values), "most": max(values)}
    return {name: round(value, 4) for name, value in found.items()}


def spread_table(*figures: Mapping[str, Mapping[str, float]]) -> Table:
    """A table of figures by name, a section each part."""
    table = Table("", "median", "least", "most")
    for part in figures:
        for name, found in part.items():
            table.add_row(name, *(f"{value:,.3f}" for value in found.values()))
        table.add_section()
    return table
