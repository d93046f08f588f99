"""Replay the log in time order, refit each night, and report which blend serves it best."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from batch.bulk import bulk_connection
from batch.evaluation.segments import HEAVY_FROM, LIGHT_FROM, SEGMENTS
from batch.history.event_file import read_event_file
from batch.history.interactions import Interactions, load_interactions
from batch.replay.context import context_sentence, foretellings
from batch.replay.foresight import CANDIDATES, advise, by_segment, segment_sizes
from batch.replay.moments import MOMENT_SEGMENTS
from batch.replay.ranking import LEARNED
from batch.replay.replaying import POLICIES, Replay, ReplaySettings, replay
from batch.replay.sources import SOURCES
from batch.settings import BatchSettings
from domain.blend import BlendPolicy
from domain.errors import InvalidInputError
from serving.lists.settings import BlendSettings
from sql.log import event_horizon, load_kinds
from stack.cli.options import AsJson, Drawing, Foreseen, Nights
from stack.cli.preparing import prepare
from stack.database import using_engine
from stack.local.home import Home
from stack.local.stores import opened_stores
from stack.settings import StackSettings

_OTHERS = {**POLICIES, **CANDIDATES}


def command(
    *,
    events_file: Annotated[
        Path | None,
        typer.Option(help="A log to replay instead of your own: user_id, item_id, timestamp."),
    ] = None,
    context: Annotated[
        list[str] | None,
        typer.Option(
            help="Of a log in a file, a column that says where an interaction occurred, as device;"
            " may be repeated. Your own log has its contexts with it."
        ),
    ] = None,
    nights: Nights = 6,
    events: Foreseen = 4_000,
    seed: Drawing = 0,
    as_json: AsJson = False,
) -> None:
    """Replay the log in the database or in a file."""
    settings, home = prepare()
    if context and events_file is None:
        raise InvalidInputError("--context names columns of a file: give --events-file too.")
    log = read_event_file(events_file, context or ()) if events_file else _own_log(settings, home)
    now = BlendSettings().blend()
    asked = ReplaySettings(nights=nights, sample=events, seed=seed, policies=policies_with(now))
    replayed = replayed_with_progress(log, asked)
    advice = advise(replayed, now)
    of_context = describe_context(replayed)
    if as_json:
        shown = _without_candidates(by_segment(replayed))
        record = {
            **shown,
            "moments": segment_sizes(replayed),
            "advice": advice.sentence,
            "context": of_context,
            **seconds_of(replayed),
        }
        print(json.dumps(record))  # noqa: T201 - for programs
        return
    console = Console(soft_wrap=True, highlight=False)
    print_replay(console, replayed)
    console.print(f"\n[bold]{advice.sentence}[/]")
    if of_context is not None:
        console.print(of_context)


def describe_context(replayed: Replay) -> str | None:
    """Whether the context of the log foretells anything; None: no interaction names one."""
    if replayed.context is None or not replayed.context.has_value:
        return None
    return context_sentence(foretellings(replayed.context, replayed.moments.user_nos))


def policies_with(now: BlendPolicy) -> dict[str, BlendPolicy]:
    """What is compared: the policy in use, also without each of its further sources, and others.

    The others have the further sources of the one in use, as far as replay knows them.
    """
    now = replace(now, more={name: now.more[name] for name in now.more if name in SOURCES})
    others = {name: replace(each, more=now.more) for name, each in _OTHERS.items()}
    without = {f"without {name}": replace(now, more={**now.more, name: 0.0}) for name in now.more}
    return {**others, **without, "now": now}


def _own_log(settings: StackSettings, home: Home) -> Interactions:
    """The whole log."""
    with opened_stores(settings, home, "tandem replay") as stores:
        with using_engine(stores.database_url) as engine, engine.connect() as connection:
            horizon, kinds = event_horizon(connection), load_kinds(connection)
        with bulk_connection(stores.database_url) as bulk:
            return load_interactions(bulk, kinds, horizon, with_contexts=True)


def replayed_with_progress(log: Interactions, asked: ReplaySettings) -> Replay:
    """Replay with the parameters of the settings; how far it is goes to standard error."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[foreseen]:,} interactions"),
        TimeElapsedColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("replaying nights", total=asked.nights, foreseen=0)

        def show(night: int, foreseen: int) -> None:
            bar.update(task, completed=night, foreseen=foreseen)

        return replay(log, BatchSettings().run_parameters(), asked, show)


def print_replay(console: Console, replayed: Replay) -> None:
    """Write tables of the lists by segment of the users and of the moments."""
    shown, sizes = _without_candidates(by_segment(replayed)), segment_sizes(replayed)
    table = Table("list", box=None, header_style="bold")
    for segment in SEGMENTS:
        table.add_column(f"{segment}\nHR@20  nDCG@20", justify="right")
    for name, figures in shown.items():
        table.add_row(name, *(_shown(figures.get(segment)) for segment in SEGMENTS))
    console.print(table)
    console.print(_table_of_moments(shown, sizes))
    seconds = seconds_of(replayed)
    console.print(
        f"\n{sizes['all']:,} interactions foreseen; fits {seconds['fit_seconds']:.1f} s,"
        f" ranking {seconds['rank_seconds']:.1f} s. HR@20 is the share of the foreseeable ones"
        " whose item stood among the first 20. Foreseeable: a user with an earlier interaction"
        " comes to like an item for the first time, and somebody had used it before the night."
        f" Users with fewer than {LIGHT_FROM} earlier interactions are new, with fewer than"
        f" {HEAVY_FROM} light; seconds and days are those since the user's last interaction."
    )


def _table_of_moments(shown: dict[str, Any], sizes: dict[str, int]) -> Table:
    """nDCG@20 of the lists by what the moments were like."""
    table = Table("\nnDCG@20", "\nmoments", box=None, header_style="bold")
    for name in shown:
        table.add_column(f"\n{name}", justify="right")
    for segment in MOMENT_SEGMENTS:
        if segment in sizes:
            reached = (f"{figures[segment]['ndcg@20']:.4f}" for figures in shown.values())
            table.add_row(segment, f"{sizes[segment]:,}", *reached)
    return table


def _shown(figures: dict[str, float] | None) -> str:
    return "" if figures is None else f"{figures['hr@20']:.4f}   {figures['ndcg@20']:.4f}"


def _without_candidates(figures: dict[str, Any]) -> dict[str, Any]:
    """The policy in use is shown only beside itself without a source."""
    hidden = {*CANDIDATES} - {LEARNED}
    if not any(name.startswith("without ") for name in figures):
        hidden.add("now")
    return {name: value for name, value in figures.items() if name not in hidden}


def seconds_of(replayed: Replay) -> dict[str, float]:
    """How long fitting and ranking took, for programs."""
    return {
        "fit_seconds": round(replayed.fit_seconds, 1),
        "rank_seconds": round(replayed.rank_seconds, 1),
    }
