"""Tables that show one model run on the terminal."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from batch.choosing.paired import CHOSEN, choices_in
from batch.evaluation.segments import evaluated_users
from batch.parameters import holds_vectors
from stack.runs import RunRecord

_CONTENDERS = {"candidate": "this run", "served": "served run", "popularity": "popular"}
_CUT_OFFS = (5, 10, 20, 50)
_FIGURES = (
    *(f"{name}@{k}" for name in ("ndcg", "recall", "hit_rate", "coverage") for k in _CUT_OFFS),
    "mrr",
    "novelty@20",
)
_DECIDING = "ndcg@20"
_INTERVAL_WIDTH = len(" 0.0000-0.0000")


def run_tables(record: RunRecord) -> Iterator[Table]:
    """All that was measured, the parameters and the seconds, each in a table."""
    metrics = record["metrics"]
    evaluation = metrics.get("evaluation")
    if evaluation is not None:
        yield _figures(evaluation)
        yield _segments(evaluation)
        yield _differences(evaluation)
    yield _values("size and lists", _beside(metrics))
    for name, choice in choices_in(metrics).items():
        yield _choice(name, choice)
    if metrics.get("words_foreseen"):
        yield _foreseen(metrics["words_foreseen"])
    for group, parameters in record["parameters"].items():
        shown = {name: value for name, value in parameters.items() if not holds_vectors(value)}
        if shown:
            yield _values(f"parameters: {group}", shown)
    yield _seconds(record["step_seconds"])


def _figures(evaluation: Mapping[str, Any]) -> Table:
    """Every figure over all users."""
    compared = _compared(evaluation)
    title = (
        f"all {evaluation['users']['all']:,} evaluated users, {evaluation['level']:.0%} intervals"
    )
    table = _table(title, [_CONTENDERS[who] for who in compared])
    for name in _FIGURES:
        table.add_row(name, *(_format_figure(evaluation[who]["all"].get(name)) for who in compared))
    return table


def _segments(evaluation: Mapping[str, Any]) -> Table:
    """The deciding figure by segment."""
    compared = _compared(evaluation)
    table = _table(f"{_DECIDING} by segment (users)", [_CONTENDERS[who] for who in compared])
    for segment, users in evaluated_users(evaluation):
        cells = [
            _format_figure(evaluation[who].get(segment, {}).get(_DECIDING)) for who in compared
        ]
        table.add_row(f"{segment} ({users:,})", *cells)
    return table


def _differences(evaluation: Mapping[str, Any]) -> Table:
    """What the promotion gate decided on."""
    table = _table(f"{_DECIDING}, this run minus, user by user")
    table.add_column("mean", justify="right", no_wrap=True)
    table.add_column(f"{evaluation['level']:.0%} interval", justify="right", no_wrap=True)
    for who, interval in evaluation["difference"].items():
        title = _CONTENDERS.get(who, who.replace("_", " "))
        table.add_row(
            title, f"{interval['mean']:+.4f}", f"{interval['low']:+.4f} to {interval['high']:+.4f}"
        )
    return table


def _foreseen(foreseen: Sequence[Mapping[str, float]]) -> Table:
    """What live vectors foresee with words that count more or less long."""
    columns = {"little_known": "items of 1-5 users", "others": "others", "all": "all"}
    table = _table("mean 1 / log2(rank + 2), words count half after", list(columns.values()))
    for candidate in foreseen:
        cells = [f"{candidate[name]:.4f}" for name in columns]
        table.add_row(f"{candidate['pseudo_count']:g} users", *cells)
    return table


def _values(title: str, values: Mapping[str, Any]) -> Table:
    table = _table(title)
    table.add_column("", justify="right")
    for name, value in values.items():
        table.add_row(escape(name), escape(_value(value)))
    return table


def _seconds(step_seconds: Mapping[str, float]) -> Table:
    slowest = sorted(step_seconds.items(), key=lambda step: -step[1])
    return _values("seconds", {step: f"{seconds:.1f}" for step, seconds in slowest})


def _choice(name: str, choice: Mapping[str, Any]) -> Table:
    """What the night chose by its newest part, and how sure it is."""
    sure = {
        "gain": f"{choice['gain']:.4f}",
        "gain by default": f"{choice['default_gain']:.4f}",
        "standard error of the difference": f"{choice['error']:.4f}",
        "events": f"{choice['events']:,}",
    }
    chosen = {what: str(value) for what, value in sorted(choice["chosen"].items())}
    return _values(f"chosen: {name.replace('_', ' ')}", chosen | sure)


def _beside(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """The flat metrics that no other table shows."""
    elsewhere = ("evaluation", "gate", "words_foreseen")
    return {
        name: value
        for name, value in metrics.items()
        if name not in elsewhere
        and not name.startswith(CHOSEN)
        and not name.endswith(tuple(_FIGURES))
    }


def _compared(evaluation: Mapping[str, Any]) -> list[str]:
    return [who for who in _CONTENDERS if who in evaluation]


def _table(title: str, columns: Sequence[str] = ()) -> Table:
    """Columns of figures after one of names; three of them fit 80 characters."""
    table = Table(
        title=escape(title),
        title_justify="left",
        title_style="bold",
        box=None,
        header_style="dim",
        pad_edge=False,
        show_header=bool(columns),
    )
    table.add_column("", no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _format_figure(figure: Mapping[str, float] | None) -> str:
    """A mean with its interval, if it has one; empty if it was not measured."""
    if figure is None:
        return ""
    digits = 4 if figure["mean"] <= 1.0 else 2
    if "low" not in figure:
        return f"{figure['mean']:.{digits}f}{' ' * _INTERVAL_WIDTH}"
    interval = f"{figure['low']:.{digits}f}-{figure['high']:.{digits}f}"
    return f"{figure['mean']:.{digits}f} [dim]{interval}[/]"


def _value(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value if isinstance(value, str) else json.dumps(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"
