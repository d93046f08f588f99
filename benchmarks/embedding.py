"""How fast many new items at once get their embeddings in the served run.

python -m benchmarks embedding --data FOLDER [--items 20000] [--json]
"""

import json
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import typer
from sqlalchemy import Connection, Engine, text

from benchmarks.command import Data, Seed, run_command
from benchmarks.loaded_files import progress, served_folder
from benchmarks.own_night import OwnRun, own_run
from domain.errors import StackError
from loading.load import load
from loading.options import LoadOptions
from speed.cold_items import ColdItemEmbedder
from speed.settings import SpeedSettings
from stack.cli.options import AsJson

_PREFIX = "loaded-"
_TITLE_WORDS = 5

_NEW = f"select item_no from items where item_id like '{_PREFIX}%'"  # noqa: S608
_KEEP = [
    text(f"create table ready_{name} as select * from {name} where item_no in ({_NEW})")  # noqa: S608
    for name in ("item_embeddings", "item_similarity_embeddings")
]
_PUT = [
    text(f"insert into {name} select * from ready_{name} order by item_no")  # noqa: S608
    for name in ("item_embeddings", "item_similarity_embeddings")
]
_FORGET = [
    text(f"delete from {name} where item_no in ({_NEW})")  # noqa: S608
    for name in ("item_embeddings", "item_similarity_embeddings")
]
_PROGRESS = text("select position from item_embedding_progress join live_run using (run_id)")
_GO_BACK = text(
    "update item_embedding_progress set position = :position, until = :position, item_no = 0"
)
_TITLES = text("select title, categories from items order by item_no")


@dataclass(frozen=True, slots=True)
class Embedded:
    """What giving new items their embeddings took; medians of the repetitions."""

    items: int
    words: int
    """Words of each item's description."""
    seconds: float
    per_second: float
    longest_pass_seconds: float
    """Nobody is folded in meanwhile."""
    ready_per_second: float
    """Rows a second where the same rows, ready in a table, are inserted by one statement."""
    ratio: float
    """Of the two."""


def embedding(
    *,
    data: Data,
    items: Annotated[int, typer.Option(min=100, help="New items.")] = 20_000,
    words: Annotated[int, typer.Option(min=0, help="Words of each description.")] = 20,
    index: Annotated[bool, typer.Option(help="Whether the run has vector indexes.")] = False,
    repeats: Annotated[int, typer.Option(min=1, help="Of which the median counts.")] = 3,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> int:
    """Load new items with titles, categories and descriptions after a night, and embed them."""
    variables = {"TANDEM_BATCH_INDEX_FROM_ITEMS": "0" if index else "1000000000"}
    with (
        progress() as on_step,
        served_folder() as folder,
        own_run(data, on_step, variables) as run,
    ):
        before = _begin(run.engine)
        path = _write_items(run.engine, folder / "new.csv", items, words=words, seed=seed)
        on_step(f"loading {items:,} new items")
        _load(run, path, items)
        runs = []
        for number in range(repeats):
            passes = _embed_all(run.engine)
            on_step(f"embedded in {sum(passes):.1f} s, the longest pass {max(passes):.2f} s")
            runs.append(passes)
            if number == 0:
                _keep(run.engine)
            _go_back(run.engine, before)
        ready = [_put_ready(run.engine, before) for _ in range(repeats)]
    measured = _figures(items, words, runs, ready)
    if as_json:
        typer.echo(json.dumps(asdict(measured)))
    else:
        typer.echo(
            f"{items:,} items in {measured.seconds:.1f} s: {measured.per_second:,.0f} a second,"
            f" {measured.ratio:.3f} of inserting the ready rows ({measured.ready_per_second:,.0f});"
            f" the longest pass took {measured.longest_pass_seconds:.2f} s"
        )
    return 0


def _begin(engine: Engine) -> int:
    """All of the log and the catalogue is known; the position up to where."""
    _embed_all(engine)
    with engine.begin() as connection:
        return int(connection.execute(_PROGRESS).scalar_one())


def _write_items(engine: Engine, path: Path, items: int, *, words: int, seed: int) -> Path:
    """Items of words as frequent as those of the catalogue, with categories of its items."""
    rng = np.random.default_rng(seed)
    with engine.begin() as connection:
        known = connection.execute(_TITLES).all()
    spoken = np.array([word for row in known for word in row.title.split()])
    drawn = rng.choice(spoken, (items, _TITLE_WORDS + words))
    categories = ["|".join(known[no].categories) for no in rng.integers(len(known), size=items)]
    table = pa.table(
        {
            "item_id": [f"{_PREFIX}{number}" for number in range(items)],
            "title": [" ".join(row[:_TITLE_WORDS]) for row in drawn],
            "categories": categories,
            "description": [" ".join(row[_TITLE_WORDS:]) for row in drawn],
        }
    )
    pa_csv.write_csv(table, path)
    return path


def _load(run: OwnRun, path: Path, items: int) -> None:
    report = load(
        [str(path)], run.database_url, LoadOptions(), rejects_path=path.with_suffix(".rejects")
    )
    if report.items_new != items:
        raise StackError(f"{report.items_new:,} of {items:,} items were stored")


def _embed_all(engine: Engine) -> list[float]:
    """The seconds of each pass, until nothing is to be done."""
    embedder, seconds = ColdItemEmbedder(SpeedSettings()), list[float]()
    while True:
        began = time.perf_counter()
        with engine.begin() as connection:
            done = embedder.embed_new(connection)
        if done is None:
            return seconds
        seconds.append(time.perf_counter() - began)


def _keep(engine: Engine) -> None:
    with engine.begin() as connection:
        for statement in _KEEP:
            connection.execute(statement)


def _put_ready(engine: Engine, before: int) -> float:
    """Seconds of inserting the rows that embedding made."""
    began = time.perf_counter()
    with engine.begin() as connection:
        for statement in _PUT:
            connection.execute(statement)
    seconds = time.perf_counter() - began
    _go_back(engine, before)
    return seconds


def _go_back(engine: Engine, before: int) -> None:
    """As if no new item had been embedded."""
    with engine.begin() as connection:
        for statement in _FORGET:
            connection.execute(statement)
        connection.execute(_GO_BACK, {"position": before})
    with _autocommit(engine) as connection:
        connection.execute(text("vacuum analyze item_embeddings, item_similarity_embeddings"))


@contextmanager
def _autocommit(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        yield connection.execution_options(isolation_level="AUTOCOMMIT")


def _figures(items: int, words: int, runs: list[list[float]], ready: list[float]) -> Embedded:
    rate = items / statistics.median(sum(passes) for passes in runs)
    ready_rate = items / statistics.median(ready)
    return Embedded(
        items=items,
        words=words,
        seconds=round(items / rate, 2),
        per_second=round(rate, 1),
        longest_pass_seconds=round(statistics.median(max(passes) for passes in runs), 3),
        ready_per_second=round(ready_rate, 1),
        ratio=round(rate / ready_rate, 4),
    )


def main() -> None:
    """Measure as the command line says."""
    run_command(embedding)


if __name__ == "__main__":
    main()
