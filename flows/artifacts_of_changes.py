"""What a night changes for the users, against the run that was served: artifacts to read."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from prefect.artifacts import create_markdown_artifact
from sqlalchemy import Connection, Row

from domain.identifiers import RunId
from flows.markdown import escaped, table_lines
from flows.nightly_context import NightlyContext
from sql.statements import statements

_BATCH = statements("batch")

_USERS = 20
_LISTED = 10
_EXPLAINED = (
    f"The first {_LISTED} of each nightly list. Bold was not among them before. The users are the"
    " same every night, and go by their numbers: the table `users` says who one is."
)
_FIGURES = {
    "ndcg@20": "nDCG@20",
    "recall@20": "recall@20",
    "coverage@20": "coverage@20",
    "published_coverage@20": "coverage of the published lists",
    "inter_user_similarity@20": "what two users' lists have in common",
    "interactions": "interactions learned from",
    "users": "users",
    "items": "items",
    "evaluated_users": "users it was judged on",
    "lists": "lists written",
    "words_terms": "terms learned",
    "vanished_items": "items that vanished from all lists",
    "index_recall@100": "recall of the index",
}


def publish_changes(context: NightlyContext, run_id: RunId) -> None:
    """Figures and parameters before and after, and lists side by side; nothing before the first."""
    with context.begin() as connection:
        before = connection.execute(
            _BATCH["find_run_to_compare"], {"run_id": run_id}
        ).scalar_one_or_none()
        if before is None:
            return
        figures = {
            number: connection.execute(_BATCH["load_figures"], {"run_id": number}).one()
            for number in (before, run_id)
        }
        lists = _load_lists(connection, before, run_id)
    create_markdown_artifact(
        changes(before, run_id, figures[before], figures[run_id]),
        key="nightly-changes",
        description=f"Run {run_id} against run {before}",
    )
    if lists:
        create_markdown_artifact(
            side_by_side(before, run_id, lists),
            key="nightly-lists",
            description=f"Lists of {len(lists)} users in run {before} and in run {run_id}",
        )


def changes(before: RunId, after: RunId, old: Row[Any], new: Row[Any]) -> str:
    """What is measured, and which parameters are others, in Markdown."""
    lines = [f"# Run {after} ({new.state}) against run {before}", ""]
    lines += table_lines(
        ["", f"run {before}", f"run {after}", "change"],
        [
            [title, _number(old.metrics[name]), _number(new.metrics[name]), change]
            for name, title in _FIGURES.items()
            if (change := _change(old.metrics.get(name), new.metrics.get(name))) is not None
        ],
    )
    others = list(_other_parameters(old.parameters, new.parameters))
    if not others:
        return "\n".join([*lines, "", "All parameters are the same."])
    lines += ["", *table_lines(["parameter", f"run {before}", f"run {after}"], others)]
    return "\n".join(lines)


def side_by_side(before: RunId, after: RunId, lists: Sequence[Row[Any]]) -> str:
    """The first places of each list, new items in bold, in Markdown.

    Users go by their numbers: who is forgotten must not be found here by an id.
    """
    lines = [
        f"# Lists of {len(lists)} users, in run {before} and in run {after}",
        "",
        _EXPLAINED,
    ]
    for row in lists:
        both = len(set(row.before) & set(row.after))
        places = range(max(len(row.before), len(row.after)))
        lines += ["", f"## User {row.user_no}: {both} of {len(row.after)} as before", ""]
        lines += table_lines(
            ["", f"run {before}", f"run {after}"],
            [
                [str(place + 1), _title(row.before, place), _marked(row.before, row.after, place)]
                for place in places
            ],
        )
    return "\n".join(lines)


def _load_lists(connection: Connection, before: RunId, after: RunId) -> Sequence[Row[Any]]:
    asked = {"before": before, "run_id": after, "users": _USERS, "listed": _LISTED}
    return connection.execute(_BATCH["load_lists_of_two_runs"], asked).all()


def _change(old: Any, new: Any) -> str | None:
    """In percent, or from what it is; None if there is no number on both sides."""
    if not isinstance(old, int | float) or not isinstance(new, int | float):
        return None
    if old == new:
        return "="
    return f"{(new - old) / old:+.1%}" if old else f"{new - old:+.4g}"


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}"


def _other_parameters(
    old: Mapping[str, Any], new: Mapping[str, Any]
) -> Iterator[tuple[str, str, str]]:
    """Name, value before and value after of every single parameter that differs."""
    for group in sorted(old.keys() | new.keys()):
        before, after = _as_mapping(old.get(group)), _as_mapping(new.get(group))
        for name in sorted(before.keys() | after.keys()):
            values = before.get(name), after.get(name)
            if values[0] != values[1] and not any(isinstance(v, list | dict) for v in values):
                yield f"{group}: {name}", escaped(str(values[0])), escaped(str(values[1]))


def _as_mapping(group: Any) -> Mapping[str, Any]:
    return group if isinstance(group, Mapping) else {}


def _title(titles: Sequence[str], place: int) -> str:
    return escaped(titles[place]) if place < len(titles) else ""


def _marked(before: Sequence[str], after: Sequence[str], place: int) -> str:
    title = _title(after, place)
    return title if not title or after[place] in before else f"**{title}**"
