"""The use case: load files or tables, reject bad rows, report what became of all of them."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, TypeVar

import pyarrow as pa

from domain.errors import InvalidInputError
from loading.chunks import Chunk, Reject
from loading.events import check_events
from loading.inputs import Input, Inputs, find_inputs, table_inputs
from loading.items import ReadItem, check_items, read_item
from loading.layouts import Content
from loading.movielens import TagCounts, movie_reader
from loading.reasons import Reason
from loading.rejects import SUFFIX as REJECTS_SUFFIX
from loading.rejects import RejectsFile
from loading.report import LoadCounters, LoadReport, Progress
from loading.store import Store, StoredEvents, connected

OnProgress = Callable[[Progress], None]
Outcome = TypeVar("Outcome")

CREATE_ITEMS_ADVICE = (
    "None of the events' items is in the catalogue. Load the items first, or load the events with "
    "--create-items, which makes an item titled by its id for each."
)


def load_path(
    path: Path,
    database_url: str,
    *,
    create_items: bool = False,
    rejects_path: Path | None = None,
    on_progress: OnProgress | None = None,
) -> LoadReport:
    """Load a file, or all files of a folder; loading the same again changes nothing.

    A chunk is one or more transactions: what is stored stays when loading is interrupted, and
    loading again completes it. `create_items` makes the items that events speak of and the
    catalogue lacks, which otherwise are rejected. Rejected rows go to `rejects_path`, by default
    `<name>.rejects.jsonl` in the current folder.

    Raises InvalidInputError if the path as a whole cannot be loaded, and StoreUnavailableError.
    """
    inputs = find_inputs(path)
    rejects_path = rejects_path or Path(f"{_stem(path)}{REJECTS_SUFFIX}")
    if path.is_file() and rejects_path.resolve() == path.resolve():
        raise InvalidInputError(f"The rejects cannot be written to {path}, which is to be loaded.")
    return _load(inputs, database_url, create_items, rejects_path, on_progress)


def load_tables(
    items: pa.Table | None,
    events: pa.Table | None,
    database_url: str,
    *,
    create_items: bool = False,
    rejects_path: Path = Path(f"tables{REJECTS_SUFFIX}"),
    on_progress: OnProgress | None = None,
) -> LoadReport:
    """The same for tables with the columns of such files."""
    inputs = table_inputs(items, events)
    return _load(inputs, database_url, create_items, rejects_path, on_progress)


def _stem(path: Path) -> str:
    return path.resolve().name.partition(".")[0] or "load"


def _load(
    inputs: Inputs,
    database_url: str,
    create_items: bool,  # noqa: FBT001
    rejects_path: Path,
    on_progress: OnProgress | None,
) -> LoadReport:
    with RejectsFile(rejects_path) as rejects, connected(database_url) as store:
        total_bytes = sum(input_file.size_bytes for input_file in inputs.inputs)
        loading = _Loading(store, rejects, create_items, on_progress, total_bytes)
        for input_file in inputs.inputs:
            loading.load(input_file)
        return _report(loading.counters, rejects.path, inputs.skipped)


def _report(
    counters: LoadCounters, rejects_path: Path | None, skipped: dict[str, str]
) -> LoadReport:
    nothing_known = counters.events_stored + counters.events_repeated == 0
    stranded = nothing_known and counters.rejected[Reason.UNKNOWN_ITEM] > 0
    return LoadReport(
        items_new=counters.items_new,
        items_changed=counters.items_changed,
        items_unchanged=counters.items_unchanged,
        events_stored=counters.events_stored,
        events_repeated=counters.events_repeated,
        rejected=dict(counters.rejected),
        rejects_path=rejects_path,
        skipped_files=skipped,
        advice=CREATE_ITEMS_ADVICE if stranded else None,
    )


class _Checked(Protocol):
    """A chunk's good rows and its bad ones."""

    @property
    def table(self) -> pa.Table: ...
    @property
    def rejects(self) -> list[Reject]: ...


@dataclass(slots=True)
class _Loading:
    """One load while it runs."""

    store: Store
    rejects: RejectsFile
    create_items: bool
    on_progress: OnProgress | None
    total_bytes: int
    counters: LoadCounters = field(default_factory=LoadCounters)
    tags: TagCounts = field(default_factory=TagCounts)
    finished_bytes: int = 0

    def load(self, input_file: Input) -> None:
        """Load all rows of an input."""
        match input_file.layout.content:
            case Content.EVENTS:
                self._load_events(input_file)
            case Content.TAGS:
                self._count_tags(input_file)
            case Content.MOVIES:
                self._load_items(input_file, movie_reader(self.tags.most_frequent()))
            case Content.ITEMS:
                self._load_items(input_file, read_item)
        self.finished_bytes += input_file.size_bytes

    def _load_events(self, input_file: Input) -> None:
        kinds = self.store.load_kinds()

        def check(chunk: Chunk) -> _Checked:
            return check_events(chunk, input_file.layout, kinds, datetime.now(UTC))

        def store(events: pa.Table) -> StoredEvents:
            return self.store.store_events(events, create_items=self.create_items)

        for chunk, rejects, outcome in _stored_behind(input_file.chunks(), check, store):
            self.counters.events_stored += outcome.stored
            self.counters.events_repeated += outcome.repeated
            self.counters.items_new += outcome.items_new
            unknown, conflicts = outcome.unknown_item_indexes, outcome.conflict_indexes
            unstored = [
                *(chunk.reject(index, Reason.UNKNOWN_ITEM) for index in unknown),
                *(chunk.reject(index, Reason.CONFLICT) for index in conflicts),
            ]
            self._account(chunk, [*rejects, *unstored])

    def _load_items(self, input_file: Input, read: ReadItem) -> None:
        def check(chunk: Chunk) -> _Checked:
            return check_items(chunk, read)

        for chunk, rejects, outcome in _stored_behind(
            input_file.chunks(), check, self.store.store_items
        ):
            self.counters.items_new += outcome.new
            self.counters.items_changed += outcome.changed
            self.counters.items_unchanged += outcome.unchanged
            self._account(chunk, rejects)

    def _count_tags(self, input_file: Input) -> None:
        for chunk in input_file.chunks():
            self._account(chunk, [*chunk.rejects, *self.tags.add(chunk)])

    def _account(self, chunk: Chunk, rejects: list[Reject]) -> None:
        """Write down what was rejected, and report how far loading is."""
        rejects = sorted(rejects, key=lambda reject: reject.line)
        self.rejects.write(rejects)
        self.counters.rejected.update(reject.reason.value for reject in rejects)
        self.counters.rows += chunk.size + len(chunk.rejects)
        if self.on_progress is not None:
            done = self.finished_bytes + chunk.bytes_read
            self.on_progress(Progress(chunk.file, done, self.total_bytes, self.counters.rows))


def _stored_behind(
    chunks: Iterator[Chunk],
    check: Callable[[Chunk], _Checked],
    store: Callable[[pa.Table], Outcome],
) -> Iterator[tuple[Chunk, list[Reject], Outcome]]:
    """Each chunk with its rejects and what storing it did; one is stored while the next is read."""
    waiting: tuple[Chunk, list[Reject], Future[Outcome]] | None = None
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="storing") as storing:
        try:
            for chunk in chunks:
                checked = check(chunk)
                if waiting is not None:
                    yield _settled(*waiting)
                future = storing.submit(store, checked.table)
                waiting = (chunk, [*chunk.rejects, *checked.rejects], future)
        except InvalidInputError:
            # The file is damaged here, but what came before is being stored.
            if waiting is not None:
                yield _settled(*waiting)
            raise
        if waiting is not None:
            yield _settled(*waiting)


def _settled(
    chunk: Chunk, rejects: list[Reject], future: Future[Outcome]
) -> tuple[Chunk, list[Reject], Outcome]:
    return chunk, rejects, future.result()
