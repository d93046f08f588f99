"""Lists the model runs."""

from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table

from stack.cli.database import opened_database
from stack.cli.lists import print_list
from stack.cli.preparing import prepare
from stack.local.home import Home, is_up
from stack.runs import RunRecord, load_runs
from stack.settings import StackSettings


def list_runs(*, as_json: bool) -> None:
    """Write a table, or a JSON array of run records."""
    print_list(
        _load(*prepare()),
        lambda record: record,
        _table,
        nothing="No runs yet. Make one: tandem nightly",
        as_json=as_json,
    )


def _load(settings: StackSettings, home: Home) -> list[RunRecord]:
    nothing_stored = settings.database_url is None and not home.postgres.exists()
    if nothing_stored and not is_up(home):
        return []
    with opened_database(settings, home, "tandem runs") as connection:
        return load_runs(connection)


def _table(records: Sequence[RunRecord]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("run", "state", "cut-off"):
        table.add_column(title, no_wrap=True)
    for title in ("seconds", "nDCG@20", "popular"):
        table.add_column(title, justify="right")
    table.add_column("reason", overflow="fold")
    for record in records:
        seconds = record["seconds"]
        table.add_row(
            str(record["run_id"]),
            f"[green]{record['state']}, live[/]" if record["live"] else record["state"],
            record["cut_off_at"][:19].replace("T", " "),
            "" if seconds is None else f"{seconds:.1f}",
            _figure(record, "ndcg@20"),
            _figure(record, "popularity_ndcg@20"),
            escape(record["reason"] or ""),
        )
    return table


def _figure(record: RunRecord, name: str) -> str:
    measured = record["metrics"].get(name)
    return "" if measured is None else f"{measured:.4f}"
