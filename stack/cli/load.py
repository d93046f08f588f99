"""Load events and items: files of any layout, folders, archives, `-`, or a query on a database.

What was understood is shown first. Nothing is guessed in silence: what can be read in two ways is
asked on a terminal, and refused elsewhere with the option to give.
"""

import dataclasses
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.prompt import IntPrompt
from rich.table import Table

from domain.errors import InvalidInputError
from loading.load import load
from loading.opened import OpenedFiles
from loading.options import AmbiguousInputError, LoadOptions, column_options, kind_options
from loading.preview import preview
from loading.priority import let_others_go_first
from loading.report import LoadReport
from loading.report import Progress as LoadProgress
from loading.sources import STANDARD_INPUT
from sql.audit import add_audit_entry
from sql.loads import undo_load
from sql.settings import KeptContextSettings
from stack.cli.database import opened_database
from stack.cli.load_tables import understood_tables
from stack.cli.options import AsJson
from stack.cli.preparing import prepare
from stack.cli.preview_tables import print_preview
from stack.local.stores import opened_stores
from stack.person import person_at_the_machine

Answer = TypeVar("Answer")


def command(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PATH...",
            help="Files, folders, archives, - for standard input, or postgresql:// or sqlite://"
            " with --query.",
        ),
    ] = None,
    *,
    preview_only: Annotated[
        bool, typer.Option("--preview", help="Show what would be stored, and store nothing.")
    ] = False,
    column: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD=COLUMN",
            help="Which column means what, as user_id=reviewerID; numbers count from 1.",
        ),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option("--kind", metavar="KIND", help="The kind of all events, such as rate."),
    ] = None,
    map_kind: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WORD=KIND",
            help="What a word of the file is here, as watched=view; =- leaves out.",
        ),
    ] = None,
    scale: Annotated[
        str | None,
        typer.Option(metavar="LEAST:GREATEST", help="The scale of the ratings, as 1:10."),
    ] = None,
    header: Annotated[
        bool | None, typer.Option("--header/--no-header", help="Whether the first line is names.")
    ] = None,
    separator: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="What separates fields: a character, ::, or tab."),
    ] = None,
    encoding: Annotated[
        str | None, typer.Option(metavar="NAME", help="The encoding, such as latin-1.")
    ] = None,
    time_zone: Annotated[
        str,
        typer.Option(metavar="ZONE", help="The zone of times that name none, as Europe/Berlin."),
    ] = "UTC",
    day_first: Annotated[
        bool | None, typer.Option("--day-first/--month-first", help="How 3/4/2020 is meant.")
    ] = None,
    no_times: Annotated[
        bool, typer.Option("--no-times", help="The events have no times: all happen now.")
    ] = False,
    create_items: Annotated[
        bool | None,
        typer.Option(
            "--create-items/--no-create-items",
            help="Create items that events name and the catalogue lacks. By default only if the"
            " catalogue is empty.",
        ),
    ] = None,
    attributes: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="Columns of items that become attributes: all, or names with commas.",
        ),
    ] = None,
    layout: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="A published layout, such as 'MovieLens 1M ratings'."),
    ] = None,
    query: Annotated[
        str | None, typer.Option(metavar="SQL", help="What to ask a database: select …")
    ] = None,
    user: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Who did all of it, where no column says who."),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="What joins several ids of items in one field, as '|'; - for nothing.",
        ),
    ] = None,
    guests: Annotated[
        str | None,
        typer.Option(
            metavar="IDS", help="Ids of users that stand for nobody, with commas; - for none."
        ),
    ] = None,
    undo: Annotated[
        int | None, typer.Option(metavar="LOAD", help="Take back what this load added.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Exit code 0 also if single rows were rejected; they are counted, and written to a file."""
    if (undo is None) == (not paths):
        raise typer.BadParameter("give a PATH, or --undo LOAD of those that `tandem loads` lists.")
    if undo is not None:
        _undo(undo, as_json=as_json)
        return
    options = LoadOptions(
        columns=column_options(column or ()),
        kind=kind,
        kinds=kind_options(map_kind or ()),
        header=header,
        separator=separator,
        encoding=encoding,
        time_zone=time_zone,
        day_first=day_first,
        scale=scale,
        no_times=no_times,
        create_items=create_items,
        attributes=tuple(attributes.split(",")) if attributes else (),
        layout=layout,
        query=query,
        user=user,
        split=split,
        guests=guests,
    )
    _run(paths or [], options, preview_only=preview_only, as_json=as_json)


def _run(paths: list[str], options: LoadOptions, *, preview_only: bool, as_json: bool) -> None:
    settings, home = prepare()
    options = dataclasses.replace(options, kept_context=KeptContextSettings().kept_context)
    # Said before a database is started.
    for path in paths:
        if path != STANDARD_INPUT and "://" not in path and not Path(path).exists():
            raise InvalidInputError(f"There is no file or folder {path}.")
    # What a program reads is on standard output alone.
    console = Console(soft_wrap=True, highlight=False, stderr=as_json)
    with opened_stores(settings, home, "tandem load") as stores:
        # Not earlier: a PostgreSQL that was started here keeps its priority.
        let_others_go_first()
        url = stores.database_url
        if preview_only:
            shown = _asking(console, options, lambda chosen: preview(paths, url, chosen))
            if as_json:
                typer.echo(json.dumps(dataclasses.asdict(shown), default=str))
            else:
                print_preview(console, shown)
            return
        report = _asking(console, options, lambda chosen: _load(console, paths, url, chosen))
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(report), default=str))
    else:
        _print_report(console, report)


def _asking(
    console: Console, options: LoadOptions, work: Callable[[LoadOptions], Answer]
) -> Answer:
    """Do the work; on a terminal its questions are asked, and it begins anew with the answers."""
    while True:
        try:
            return work(options)
        except AmbiguousInputError as error:
            if not (sys.stdin.isatty() and console.is_terminal):
                raise
            console.print(f"[bold]{escape(error.question)}[/]")
            for number, choice in enumerate(error.choices, 1):
                console.print(
                    f"  {number}  {escape(choice.label)}  [dim]{escape(choice.option)}[/]"
                )
            answer = IntPrompt.ask(
                "Which", console=console, choices=[str(n + 1) for n in range(len(error.choices))]
            )
            options = _with(options, error.choices[answer - 1].changes)


def _with(options: LoadOptions, changes: Mapping[str, Any]) -> LoadOptions:
    merged: dict[str, Any] = {
        name: {**getattr(options, name), **value} if isinstance(value, Mapping) else value
        for name, value in changes.items()
    }
    return dataclasses.replace(options, **merged)


def _load(console: Console, paths: list[str], url: str, options: LoadOptions) -> LoadReport:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:>12,.0f} of {task.total:,.0f} rows"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("reading", total=1)

        def understood(opened: OpenedFiles) -> None:
            for table in understood_tables(opened.plans, opened.skipped):
                bar.console.print(table)

        def show(progress: LoadProgress) -> None:
            bar.update(
                task,
                description=escape(progress.file),
                total=max(progress.total_rows, 1),
                completed=progress.rows,
            )

        return load(paths, url, options, on_understood=understood, on_progress=show)


def _print_report(console: Console, report: LoadReport) -> None:
    table = Table("", "new", "changed", "as before", box=None, header_style="bold")
    for column in table.columns[1:]:
        column.justify = "right"
    table.add_row(
        "items",
        f"{report.items_new:,}",
        f"{report.items_changed:,}",
        f"{report.items_unchanged:,}",
    )
    table.add_row("events", f"{report.events_stored:,}", "", f"{report.events_repeated:,}")
    console.print(table)
    if report.left_out:
        console.print(f"left out, as their kind is: {report.left_out:,} events")
    for reason, rows in report.rejected.items():
        console.print(f"[yellow]rejected {rows:,}[/]: {escape(reason)}")
    if report.rejects_path is not None:
        console.print(f"The rejected rows are in {escape(str(report.rejects_path))}")
    went_on = " (it went on where it was interrupted)" if report.resumed else ""
    console.print(
        f"This is load {report.load_no}{went_on}; `tandem load --undo {report.load_no}` takes it"
        " back."
    )
    if report.advice is not None:
        console.print(f"[bold]{escape(report.advice)}[/]")


def _undo(load_no: int, *, as_json: bool) -> None:
    settings, home = prepare()
    with opened_database(settings, home, "tandem load") as connection:
        undone = undo_load(connection, load_no)
        if undone.is_new:
            add_audit_entry(
                connection,
                "undo load",
                f"load {load_no}",
                actor=person_at_the_machine(),
                events=undone.events,
                items_removed=undone.items_removed,
            )
    if as_json:
        typer.echo(json.dumps({"load": load_no, **dataclasses.asdict(undone)}))
        return
    if not undone.is_new:
        typer.echo(
            f"Load {load_no} was taken back before. Of what stayed then, users removed:"
            f" {undone.users_removed:,}, items removed: {undone.items_removed:,}."
        )
        return
    typer.echo(
        f"Load {load_no} is taken back: {undone.events:,} events of {undone.users:,} users,"
        f" users removed: {undone.users_removed:,}, items removed: {undone.items_removed:,},"
        f" as they were before: {undone.items_restored:,}."
    )
    if undone.items_kept:
        typer.echo(
            f"Items that stay: {undone.items_kept:,}. They were used or changed since. Once the"
            f" loads that used them are taken back, `tandem load --undo {load_no}` removes them."
        )
