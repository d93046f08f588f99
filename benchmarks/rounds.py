"""Rates of interleaved rounds, their ratios to a baseline in the same rounds, and their spread."""

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from rich.console import Console
from rich.table import Table

Rates = Mapping[str, Sequence[float]]
"""By name: how many a second, of each round."""


def report_rounds(
    rates: Rates,
    compared: Iterable[tuple[str, str]],
    *,
    as_json: bool,
    more: Rates = MappingProxyType({}),
) -> None:
    """Write the rates, and of each pair the first as a share of the second: median, least, most.

    `more`: other figures of each round, by name.
    """
    figures = {name: _spread(found) for name, found in rates.items()}
    ratios = {f"{a}/{b}": _spread(_divided(rates[a], rates[b])) for a, b in compared}
    others = {name: _spread(found) for name, found in more.items()}
    if as_json:
        rounds = min(map(len, rates.values()))
        report = {"rounds": rounds, "per_second": figures, "ratios": ratios}
        print(json.dumps(report | ({"more": others} if others else {})))
    else:
        Console().print(_table(figures, ratios, others))


def report_figures(figures: Rates, *, as_json: bool) -> None:
    """Write figures that are compared with no other: median, least, most."""
    spreads = {name: _spread(found) for name, found in figures.items()}
    if as_json:
        print(json.dumps(spreads))
    else:
        Console().print(_table(spreads))


def _divided(rates: Sequence[float], baseline: Sequence[float]) -> list[float]:
    return [rate / base for rate, base in zip(rates, baseline, strict=True)]


def _spread(values: Sequence[float]) -> dict[str, float]:
    found = {"median": statistics.median(values), "least": min(values), "most": max(values)}
    return {name: round(value, 4) for name, value in found.items()}


def _table(*figures: Mapping[str, Mapping[str, float]]) -> Table:
    table = Table("", "median", "least", "most")
    for part in figures:
        for name, found in part.items():
            table.add_row(name, *(f"{value:,.3f}" for value in found.values()))
        table.add_section()
    return table
