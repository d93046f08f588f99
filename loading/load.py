"""The use case: load what files hold, reject bad rows, report what became of all of them."""

import getpass
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from domain.errors import InvalidInputError
from domain.interactions import EventKind, Scale
from domain.limits import MOST_CONTEXT_VALUES, MOST_CONTEXTS
from loading.addresses import shown
from loading.detached import EventWriter
from loading.events import EventBatch, checked_events, event_batches
from loading.items import item_batches
from loading.layouts import Content
from loading.opened import OpenedFiles, mapping_of, opened_files
from loading.options import ALL_ATTRIBUTES, LoadOptions
from loading.plans import EventsPlan, ItemsPlan, Plan
from loading.reasons import Reason
from loading.rejects import REJECTS_SUFFIX, Reject, RejectsFile
from loading.report import LoadCounts, LoadReport, Progress
from loading.sources import STANDARD_INPUT
from loading.staging import StagedEvents, staged_events
from loading.store import Store, connected
from loading.tags import most_frequent_tags

OnProgress = Callable[[Progress], None]
OnUnderstood = Callable[[OpenedFiles], None]
Batch = TypeVar("Batch")
Outcome = TypeVar("Outcome")
_ReadyBatch = tuple[EventBatch, StagedEvents]

CREATE_ITEMS_ADVICE = (
    "None of the events' items is in the catalogue. Load the items first, or load the events with "
    "--create-items, which makes an item titled by its id for each."
)
NO_OPTIONS = LoadOptions()


def load(
    arguments: Sequence[str],
    database_url: str,
    options: LoadOptions = NO_OPTIONS,
    *,
    loaded_by: str | None = None,
    source: str | None = None,
    rejects_path: Path | None = None,
    on_progress: OnProgress | None = None,
    on_understood: OnUnderstood | None = None,
) -> LoadReport:
    """Load files, folders, archives, `-` or the answer of a query; loading again changes nothing.

    A batch is one or more transactions: what is stored stays when loading is interrupted, and
    loading again completes it under the same number. Rejected rows go to `rejects_path`, by default
    `<name>.rejects.jsonl` in the current folder. `on_understood` is told how the files are read
    before anything is stored; what it raises ends the load.

    Raises InvalidInputError if nothing can be loaded, AmbiguousInputError if only the files' owner
    knows how they are meant, and StoreUnavailableError.
    """
    rejects_path = rejects_path or Path(f"{_stem(arguments[0])}{REJECTS_SUFFIX}")
    if any(
        Path(each).exists() and rejects_path.resolve() == Path(each).resolve() for each in arguments
    ):
        raise InvalidInputError(
            f"The rejects cannot be written to {rejects_path}, which is loaded."
        )
    with connected(database_url) as store:
        return load_into(
            store,
            arguments,
            options,
            loaded_by=loaded_by,
            source=source,
            rejects_path=rejects_path,
            on_progress=on_progress,
            on_understood=on_understood,
        )


def load_into(
    store: Store,
    arguments: Sequence[str],
    options: LoadOptions,
    *,
    rejects_path: Path,
    loaded_by: str | None = None,
    source: str | None = None,
    on_progress: OnProgress | None = None,
    on_understood: OnUnderstood | None = None,
) -> LoadReport:
    """The same into a store that is open already."""
    kinds = store.load_kinds()
    with opened_files(arguments, options, kinds) as opened:
        if on_understood is not None:
            on_understood(opened)
        with RejectsFile(rejects_path) as rejects:
            number, resumed = store.begin_load(
                loaded_by or _account(),
                source or " ".join(map(_shown, arguments)),
                mapping_of(opened.plans, options),
            )
            creates_items = _creates_items(store, opened, options)
            # What was interrupted once goes on batch by batch, whatever it was that did it.
            events = 0 if resumed else _event_rows(opened)
            with closing(EventWriter(store, events=events)) as writer:
                loading = _Loading(
                    store, writer, opened, kinds, rejects, on_progress, creates_items
                )
                try:
                    for plan in opened.plans:
                        loading.load(plan)
                except InvalidInputError:
                    # A file is damaged somewhere, but what came before is stored.
                    writer.end()
                    raise
                writer.end()
            if resumed:
                store.count_whole_load(loading.counts)
            store.end_load(loading.counts)
            return LoadReport(
                load_no=number,
                resumed=resumed,
                **loading.counts.as_json(),
                creates_items=creates_items,
                rejects_path=rejects.path,
                skipped_files=dict(opened.skipped),
                unread_columns={
                    plan.table.source.name: plan.unread for plan in opened.plans if plan.unread
                },
                advice=_advice(loading.counts),
            )


def load_tables(items: pa.Table | None, events: pa.Table | None, database_url: str) -> LoadReport:
    """The same for tables with the columns of such files; all of the items' are attributes."""
    with tempfile.TemporaryDirectory(prefix="tandem-load-") as folder:
        paths = []
        for name, table in (("items", items), ("events", events)):
            if table is not None:
                paths.append(str(Path(folder) / f"{name}.parquet"))
                pq.write_table(table, paths[-1])
        return load(
            paths,
            database_url,
            LoadOptions(attributes=(ALL_ATTRIBUTES,)),
            source="tables",
            rejects_path=Path(f"tables{REJECTS_SUFFIX}"),
        )


def _stem(argument: str) -> str:
    if argument == STANDARD_INPUT:
        return "stdin"
    return Path(argument.partition("://")[0]).resolve().name.partition(".")[0] or "load"


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _shown(argument: str) -> str:
    """What is loaded, as the row of the load keeps it.

    Standard input is another each time: nothing goes on with what was interrupted of it.
    """
    if argument == STANDARD_INPUT:
        return f"standard input at {datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
    if "://" in argument:
        return shown(argument)
    return str(Path(argument).resolve())


def _creates_items(store: Store, opened: OpenedFiles, options: LoadOptions) -> bool:
    """Whether events make items: as said, otherwise where there is no catalogue to speak of."""
    if options.create_items is not None:
        return options.create_items
    return not opened.has_items and not store.has_items()


def _event_rows(opened: OpenedFiles) -> int:
    return sum(plan.table.rows for plan in opened.plans if isinstance(plan, EventsPlan))


def _advice(counts: LoadCounts) -> str | None:
    """What to do if no event has an item, or what else there is to know."""
    is_any_known = counts.events_stored + counts.events_repeated > 0
    is_stranded = not is_any_known and counts.rejected[Reason.UNKNOWN_ITEM] > 0
    if is_stranded:
        return CREATE_ITEMS_ADVICE
    if counts.contexts_not_kept:
        return (
            f"Without their context: {counts.contexts_not_kept:,} events. It was no object of texts"
            f" (--column context=NAME rejects such rows), or there was no room: of each name"
            f" {MOST_CONTEXT_VALUES} different values are kept, and {MOST_CONTEXTS:,} different"
            " contexts."
        )
    return None


@dataclass(slots=True)
class _Loading:
    """One load while it runs."""

    store: Store
    writer: EventWriter
    opened: OpenedFiles
    kinds: Sequence[EventKind]
    rejects: RejectsFile
    on_progress: OnProgress | None
    create_items: bool
    counts: LoadCounts = field(default_factory=LoadCounts)
    tags: dict[str, list[str]] = field(default_factory=dict)
    rows: int = 0

    def load(self, plan: Plan) -> None:
        """Load all rows of a file."""
        if isinstance(plan, EventsPlan):
            self._load_events(plan)
        elif plan.content is Content.TAGS:
            self.tags.update(most_frequent_tags(self.opened.duck, plan))
            self._account(plan, (), plan.table.rows)
        else:
            self._load_items(plan)
        self._account(plan, plan.table.split_rejects(self.opened.duck), 0)

    def _load_events(self, plan: EventsPlan) -> None:
        view = checked_events(self.opened.duck, plan, self.kinds, datetime.now(UTC))
        strengths = _Strengths(self.kinds)

        def ready() -> Iterator[_ReadyBatch]:
            for batch in event_batches(self.opened.duck, plan, view):
                yield batch, staged_events(strengths.added(batch.table))

        def store(ready_batch: _ReadyBatch) -> tuple[EventBatch, list[Reject]]:
            batch, staged = ready_batch
            outcome = self.writer.store_events(staged, create_items=self.create_items)
            self.counts.events_stored += outcome.stored
            self.counts.events_repeated += outcome.repeated
            self.counts.items_new += outcome.items_new
            self.counts.left_out += batch.left_out
            self.counts.contexts_not_kept += outcome.contexts_not_kept + batch.contexts_unread
            unstored = dict.fromkeys(outcome.unknown_item_rows, Reason.UNKNOWN_ITEM)
            unstored |= dict.fromkeys(outcome.conflict_rows, Reason.CONFLICT)
            return batch, _unstored(plan, batch.table, unstored)

        for batch, unstored in _one_behind(ready(), store):
            self._account(plan, [*batch.rejects, *unstored], batch.rows)

    def _load_items(self, plan: ItemsPlan) -> None:
        for batch in item_batches(self.opened.duck, plan, self.tags):
            outcome = self.store.store_items(batch.table)
            self.counts.items_new += outcome.new
            self.counts.items_changed += outcome.changed
            self.counts.items_unchanged += outcome.unchanged
            self._account(plan, batch.rejects, batch.rows)

    def _account(self, plan: Plan, rejects: Sequence[Reject], rows: int) -> None:
        """Write down what was rejected, and report how far loading is."""
        self.rejects.write(sorted(rejects, key=lambda reject: reject.row))
        self.counts.rejected.update(reject.reason.value for reject in rejects)
        self.rows += rows
        if self.on_progress is not None:
            self.on_progress(Progress(plan.table.source.name, self.rows, self.opened.total_rows))


def _unstored(plan: EventsPlan, events: pa.Table, reasons: Mapping[int, Reason]) -> list[Reject]:
    """The rejects of events that the store did not take, by their row."""
    if not reasons:
        return []
    wanted = pa.compute.is_in(events["row_no"], pa.array(list(reasons), pa.int32()))
    rows = events.filter(wanted).select(["row_no", "user_id", "item_id", "value", "occurred_at"])
    rejects = []
    for row in rows.to_pylist():
        number = row.pop("row_no")
        rejects.append(
            Reject(plan.table.source.name, plan.table.line_of(number), reasons[number], row)
        )
    return rejects


class _Strengths:
    """What events make of their kinds' weights."""

    def __init__(self, kinds: Sequence[EventKind]) -> None:
        self._kinds = {int(kind.kind_no): kind for kind in kinds if kind.greatest_value is not None}

    def added(self, events: pa.Table) -> pa.Table:
        """The events with a column `strength`."""
        kind_nos = events["kind_no"].to_numpy()
        values = events["value"].to_numpy().astype(np.float64)
        least, greatest = events["least"].to_numpy(), events["greatest"].to_numpy()
        strengths = np.full(len(kind_nos), np.nan)
        for number, kind in self._kinds.items():
            of_kind = kind_nos == number
            if kind.rating_scale is None:
                strengths[of_kind] = kind.strengths(values[of_kind])
                continue
            for low, high in {*zip(least[of_kind], greatest[of_kind], strict=True)}:
                if not np.isnan(low):
                    rows = of_kind & (least == low) & (greatest == high)
                    strengths[rows] = kind.strengths(values[rows], Scale(float(low), float(high)))
        column = pa.array(strengths, pa.float32(), from_pandas=True)
        return events.append_column("strength", column)


def _one_behind(batches: Iterator[Batch], store: Callable[[Batch], Outcome]) -> Iterator[Outcome]:
    """What storing each batch did; one is stored while the next is read."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="storing") as storing:
        waiting: Future[Outcome] | None = None
        try:
            for batch in batches:
                if waiting is not None:
                    yield waiting.result()
                waiting = storing.submit(store, batch)
        except InvalidInputError:
            # The file is damaged here, but what came before is being stored.
            if waiting is not None:
                yield waiting.result()
            raise
        if waiting is not None:
            yield waiting.result()
