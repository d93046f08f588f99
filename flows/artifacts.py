"""The figures of a night as artifacts of its flow run."""

from collections.abc import Mapping
from typing import Any

from prefect.artifacts import create_markdown_artifact, create_table_artifact
from sqlalchemy import Row

from batch.choosing.paired import CHOSEN, choices_in
from batch.evaluation.segments import evaluated_users
from batch.parameters import holds_vectors
from domain.identifiers import RunId
from flows.chart import Bar, as_data_uri, grouped_bars
from flows.markdown import table_lines
from flows.nightly_context import NightlyContext
from sql.statements import statements

_BATCH = statements("batch")

_FIGURE = "ndcg@20"
_SHOWN = ("ndcg@20", "recall@20", "hit_rate@20", "mrr", "coverage@20", "novelty@20")
_TITLES = {
    "candidate": "this run",
    "served": "served run",
    "popularity": "all-time popular",
    "recent_popularity": "lately popular",
}
_PICTURED = ("candidate", "served", "popularity")
_NESTED = ("evaluation", "words_foreseen", "vanished")
"""Figures that are no single value."""
_PUBLISHED = {
    "words_terms": "terms learned",
    "words_explained": "share of unseen items' vectors that words foresee",
    "words_pseudo_count": "users after whom an item's words count half",
    "items_made_of_words": "items made of words",
    "unknown_items": "items nothing is known of",
    "inter_user_similarity@20": "what the first 20 of two users have in common, on the average",
    "similar_pairs@20": "pairs of users with more than 80 % in common",
    "most_common_list@20": "users with the most common first 20",
}


_FORESEEN = {
    "little_known": "items with at most 5 users",
    "others": "other items",
    "all": "all items",
}


def publish_figures(context: NightlyContext, run_id: RunId) -> None:
    """A summary to read, and a table with every figure of the run as it is stored."""
    with context.begin() as connection:
        row = connection.execute(_BATCH["load_figures"], {"run_id": run_id}).one()
    create_markdown_artifact(
        summary(run_id, row, context.step_seconds),
        key="nightly-summary",
        description=f"Run {run_id}: {row.state}",
    )
    create_table_artifact(
        table(row), key="nightly-figures", description=f"Every figure of run {run_id}"
    )


def summary(run_id: RunId, row: Row[Any], step_seconds: Mapping[str, float]) -> str:
    """The outcome, the comparison with a picture, what is published and the seconds of the steps.

    In Markdown.
    """
    lines = [f"# Run {run_id}: {row.state}", "", row.reason or row.metrics.get("gate", ""), ""]
    lines += _vanished(row.metrics)
    evaluation = row.metrics.get("evaluation")
    if evaluation is not None:
        lines += [f"![nDCG@20 by segment]({as_data_uri(picture(evaluation))})", ""]
        lines += _comparison(evaluation)
    lines += _choices(row.metrics)
    lines += _published(row.metrics)
    steps = [(step, f"{seconds:.1f}") for step, seconds in step_seconds.items()]
    lines += ["", *table_lines(["step", "seconds"], steps)]
    lines += ["", "Steps may go on side by side: the seconds of two may be the same seconds."]
    return "\n".join(lines)


def picture(evaluation: Mapping[str, Any]) -> str:
    """nDCG@20 by segment with its intervals, of those compared, as SVG."""
    compared = [who for who in _PICTURED if who in evaluation]
    groups = {
        f"{segment} ({users:,})": [Bar(**evaluation[who][segment][_FIGURE]) for who in compared]
        for segment, users in evaluated_users(evaluation)
    }
    title = f"nDCG@20 by segment (users), with {evaluation['level']:.0%} intervals"
    return grouped_bars(title, [_TITLES[who] for who in compared], groups)


def table(row: Row[Any]) -> list[dict[str, Any]]:
    """Metrics, parameters and seconds, one row a figure."""
    flat = {
        name: value
        for name, value in row.metrics.items()
        if name not in _NESTED and not name.startswith(CHOSEN)
    }
    groups = {"metric": flat, **row.parameters, "seconds": row.step_seconds}
    rows = [
        {"group": group, "figure": name, "value": value, "low": None, "high": None}
        for group, figures in groups.items()
        for name, value in figures.items()
        if not holds_vectors(value)
    ]
    return rows + _measured(row.metrics.get("evaluation", {}))


def _published(metrics: Mapping[str, Any]) -> list[str]:
    """Words, and how nearly the same the lists are, as far as a night came."""
    published = {name: metrics[name] for name in _PUBLISHED if metrics.get(name) is not None}
    if not published:
        return []
    rows = [(_PUBLISHED[name], f"{value:.4g}") for name, value in published.items()]
    lines = ["", *table_lines(["published", ""], rows)]
    foreseen = metrics.get("words_foreseen")
    if not foreseen:
        return lines
    candidates = [
        [f"{each['pseudo_count']:g} users", *(f"{each[name]:.4f}" for name in _FORESEEN)]
        for each in foreseen
    ]
    titles = ["foreseen if words count half after", *_FORESEEN.values()]
    return [*lines, "", *table_lines(titles, candidates)]


def _choices(metrics: Mapping[str, Any]) -> list[str]:
    """What the night chose by its newest part, and how sure it is."""
    choices = choices_in(metrics)
    if not choices:
        return []
    rows = []
    for name, choice in choices.items():
        figures = [f"{choice[figure]:.4f}" for figure in ("gain", "default_gain", "error")]
        chosen = ", ".join(f"{what} {value}" for what, value in choice["chosen"].items())
        rows.append([name, *figures, f"{choice['events']:,}", chosen])
    titles = ["chosen", "gain", "by default", "error", "events", "what"]
    return ["", *table_lines(titles, rows)]


def _vanished(metrics: Mapping[str, Any]) -> list[str]:
    """A notice of items that stood in many lists before and stand in none now."""
    if not metrics.get("vanished_items"):
        return []
    named = [
        f"{item['item_id']} (in {item['share']:.0%} of the lists before)"
        for item in metrics["vanished"]
    ]
    return [
        f"**{metrics['vanished_items']} items vanished from all lists**: {', '.join(named)}",
        "",
    ]


def _measured(evaluation: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "group": f"{who}, {segment}",
            "figure": name,
            "value": interval["mean"],
            "low": interval.get("low"),
            "high": interval.get("high"),
        }
        for who in _TITLES
        for segment, figures in evaluation.get(who, {}).items()
        for name, interval in figures.items()
    ]


def _comparison(evaluation: Mapping[str, Any]) -> list[str]:
    """All figures of all users, and the deciding one by segment."""
    compared = [who for who in _TITLES if who in evaluation]
    titles = [_TITLES[who] for who in compared]
    figures = [
        [name, *(_format_figure(evaluation[who]["all"][name]) for who in compared)]
        for name in _SHOWN
    ]
    by_segment = [
        [
            f"{segment} ({users:,})",
            *(_format_figure(evaluation[who][segment][_FIGURE]) for who in compared),
        ]
        for segment, users in evaluated_users(evaluation)
    ]
    return [
        *table_lines(["figure", *titles], figures),
        "",
        *table_lines(["nDCG@20 of (users)", *titles], by_segment),
    ]


def _format_figure(figure: Mapping[str, float]) -> str:
    if "low" not in figure:
        return f"{figure['mean']:.4f}"
    return f"{figure['mean']:.4f} ({figure['low']:.3f}-{figure['high']:.3f})"
