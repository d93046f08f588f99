"""Lists of a few users beside what they last used, with titles, for a person to look at.

python -m benchmarks eye --data FOLDER [--users 20] [--length 10] [--seed 0] [--json]

Everything is fitted in memory on the whole log, as a night does it but without the items' words.
Before each title stands how many users have used the item: a list led by what almost nobody knows
is seen at once.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from batch.history.interactions import Interactions
from batch.history.splitting import pair_keys, sample_users
from batch.parameters import RunParameters
from batch.replay.nights import fit_night
from batch.replay.ranking import lists_of
from batch.settings import BatchSettings
from batch.space.validation_events import Timeline, ValidationEvent
from benchmarks.command import Data, Seed, run_command
from benchmarks.loaded_files import Names, loaded_with_names, progress
from domain.blend import BATCH, SPEED, BlendPolicy
from domain.identifiers import ItemNo, UserNo
from serving.lists.settings import BlendSettings
from stack.cli.options import AsJson

_NOBODY_ASKED = ItemNo(-1)
_BLENDED = "blended"
_HISTORY = "last used"
COLUMNS = {BATCH: "nightly", SPEED: "live", _BLENDED: _BLENDED}
"""The lists that are shown, by what a replay calls them."""
_PIPED_WIDTH = 160


@dataclass(frozen=True, slots=True)
class ShownItem:
    """An item of a list."""

    title: str
    users: int
    """How many have used it."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is shown of one user."""

    user_id: str
    interactions: int
    history: Sequence[ShownItem]
    """The newest first."""
    lists: Mapping[str, Sequence[ShownItem]]
    """By the names in `COLUMNS`; empty where the user has no such list."""


def lists_of_users(
    log: Interactions,
    names: Names,
    parameters: RunParameters,
    policy: BlendPolicy,
    *,
    users: int,
    length: int,
    seed: int = 0,
    threads: int = 0,
) -> list[Seen]:
    """The newest history and the lists of `users` users drawn at random, by user number."""
    timeline = Timeline(log)
    ordered, end = timeline.interactions, len(timeline)
    night = fit_night(timeline, end, parameters, seed=seed, threads=threads)
    used_by = users_of_items(ordered)

    def shown(item_nos: NDArray[np.integer]) -> list[ShownItem]:
        return [ShownItem(names.titles[no], used_by[no]) for no in item_nos[:length].tolist()]

    seen = []
    for user_no in sample_users(np.unique(ordered.user_nos), users, seed).tolist():
        history = timeline.history_of(UserNo(user_no))
        event = ValidationEvent(end, UserNo(user_no), _NOBODY_ASKED, history, 0)
        found = lists_of(night, event, {_BLENDED: policy})
        lists = {title: shown(found[name]) for name, title in COLUMNS.items()}
        newest = history.item_nos[::-1]
        seen.append(Seen(names.user_ids[user_no], len(newest), shown(newest), lists))
    return seen


def users_of_items(log: Interactions) -> dict[int, int]:
    """How many distinct users have used each item."""
    _, first = np.unique(pair_keys(log.user_nos, log.item_nos), return_index=True)
    item_nos, counts = np.unique(log.item_nos[first], return_counts=True)
    return dict(zip(item_nos.tolist(), counts.tolist(), strict=True))


def median_users(seen: Sequence[Seen]) -> dict[str, float]:
    """How many users the median item has in what users last used, and in each list; 0: no item."""
    columns: dict[str, list[int]] = {}
    for each in seen:
        for name, items in {_HISTORY: each.history, **each.lists}.items():
            columns.setdefault(name, []).extend(item.users for item in items)
    return {name: float(np.median(users)) if users else 0.0 for name, users in columns.items()}


def eye(
    *,
    data: Data,
    users: Annotated[int, typer.Option(min=1, help="How many users are drawn.")] = 20,
    length: Annotated[int, typer.Option(min=1, max=200, help="Items of each list.")] = 10,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> int:
    """Show the newest history and the nightly, live and blended list of some users."""
    settings = BatchSettings()
    with progress() as on_step:
        on_step(f"reading {data}")
        log, names = loaded_with_names(data)
        on_step(f"fitting on {len(log):,} interactions")
        seen = lists_of_users(
            log,
            names,
            settings.run_parameters(),
            BlendSettings().blend(),
            users=users,
            length=length,
            seed=seed,
            threads=settings.threads,
        )
    if as_json:
        users_shown = [asdict(each) for each in seen]
        typer.echo(json.dumps({"users": users_shown, "median_users": median_users(seen)}))
        return 0
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _PIPED_WIDTH
    for each in seen:
        console.print(_table_of(each))
    medians = (f"{name} {users:g}" for name, users in median_users(seen).items())
    console.print(f"Users of the median item: {', '.join(medians)}.")
    return 0


def _table_of(seen: Seen) -> Table:
    """One user: a column for what was last used and one for each list; long titles are cut."""
    columns = {_HISTORY: seen.history, **seen.lists}
    title = f"user {escape(seen.user_id)}, {seen.interactions:,} interactions"
    table = Table(title=title, title_justify="left", box=None, expand=True, header_style="bold")
    for name in columns:
        table.add_column(f"users {name}", no_wrap=True, overflow="ellipsis", ratio=1)
    for row in range(max(map(len, columns.values()))):
        table.add_row(*(_cell(items, row) for items in columns.values()))
    table.add_row()
    return table


def _cell(items: Sequence[ShownItem], row: int) -> str:
    return f"{items[row].users:>5} {escape(items[row].title)}" if row < len(items) else ""


def main() -> None:
    """Show as the command line says."""
    run_command(eye)


if __name__ == "__main__":
    main()
