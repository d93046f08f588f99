"""The use case: bring in what is new in a folder or a database since it was read last."""

import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pyarrow.parquet as pq

from domain.errors import InvalidInputError
from loading.addresses import masked
from loading.high_water_marks import HighWaterMark, IncrementalQuery, reached
from loading.import_requests import (
    ColumnReading,
    DatabaseSource,
    FolderSource,
    Imported,
    ImportRequest,
)
from loading.load import load
from loading.new_files import files_of, folder_of, new_files, with_skipped
from loading.opened import OpenedFiles
from loading.plans import EventsPlan
from loading.readings import (
    Readings,
    column_changes,
    gone_columns,
    refuse_unreadable,
    series_of,
)
from loading.report import LoadReport, Progress
from sql.imports import ImportedFile, ImportHistory, LastImport, NewImport

QUERY_NAME = "query"
"""The name that people see as that of a file."""

SAMPLES = 3
_LONGEST_SAMPLE = 300


def import_new(
    request: ImportRequest,
    history: ImportHistory,
    database_url: str,
    *,
    on_progress: Callable[[Progress], None] | None = None,
) -> Imported:
    """Load what is new, and keep how far the source was read once the load is complete.

    Whoever dies between the two reads the same rows again the next time, and they are repetitions.
    The caller makes sure that no other run of the import is at work.

    Raises InvalidInputError, before anything is stored, if the source cannot be read as it was.
    """
    last = history.find_last(request.name)
    if last is not None and last.source != request.shown_source and not request.read_again:
        raise InvalidInputError(
            f"The import {request.name} has read {last.source} until now. Give the import of"
            f" {request.shown_source} another `name`, or set `read_again`."
        )
    with tempfile.TemporaryDirectory(prefix="tandem-import-") as spool:
        run = _Run(request, history, database_url, last, Path(spool), on_progress)
        if isinstance(request.source, FolderSource):
            return run.of_folder(request.source.folder)
        try:
            return run.of_query(request.source)
        except (InvalidInputError, ValueError, OSError) as error:
            # The cause of an error is logged too, and may say the address.
            raise InvalidInputError(masked(str(error), request.source.url)) from None


@dataclass(slots=True)
class _Run:
    """One run of an import."""

    request: ImportRequest
    history: ImportHistory
    database_url: str
    last: LastImport | None
    spool: Path
    on_progress: Callable[[Progress], None] | None
    notices: list[str] = field(default_factory=list)
    readings: Readings = field(default_factory=Readings)
    rows: int = 0
    columns: tuple[ColumnReading, ...] = ()
    creates_items: bool | None = None

    def __post_init__(self) -> None:
        if self.last is not None:
            self.readings = Readings.from_dict(self.last.readings)

    def of_folder(self, folder: Path) -> Imported:
        """Load the files that are new or changed."""
        read_again = self.request.read_again
        known = {} if read_again else self.history.load_files(self.request.name)
        files = new_files(folder, known, skipped_too=self._is_asked_otherwise)
        unchanged = len(files_of(folder)) - len(files)
        if not files:
            return self._nothing(files_unchanged=unchanged)
        names = tuple(file.file for file in files)
        with folder_of(folder, files, self.spool) as shown:
            try:
                report = self._load(shown)
            except InvalidInputError as error:
                if self.columns:
                    raise
                refuse_unreadable(self.readings, dict.fromkeys(names, str(error)))
                if self.last is None:
                    raise
                self.notices.append(str(error))
                return self._nothing(files_unchanged=unchanged)
        self._keep(report, None, with_skipped(files, report.skipped_files))
        return self._imported(report, files=names, files_unchanged=unchanged)

    def of_query(self, source: DatabaseSource) -> Imported:
        """Load the rows from the mark on."""
        before = self._mark(source.query)
        spooled = source.query.spooled(source.url, before, self.spool).rename(
            self.spool / QUERY_NAME
        )
        self._refuse_gone(pq.read_schema(spooled).names)
        if pq.read_metadata(spooled).num_rows == 0:
            if self.last is None:
                self.notices.append(
                    "The query has no rows. If there are some, say in `start` where to begin."
                )
            return self._nothing(mark_before=before, mark_after=before)
        after = before
        if source.query.column is not None:
            found, ahead = reached(spooled, source.query.column, datetime.now(UTC))
            after = before if found is None else found.or_later(before)
            if ahead:
                self.notices.append(
                    f"{ahead:,} rows have a {source.query.column} in the future. They do not count"
                    " for the high-water mark, and are read again each time."
                )
        report = self._load(spooled)
        self._keep(report, after)
        return self._imported(report, mark_before=before, mark_after=after)

    @property
    def _asked(self) -> dict[str, Any]:
        asked = asdict(self.request.options)
        # A setting of all that comes in, and nothing that was said of these columns.
        del asked["kept_context"]
        return {
            name: list(each) if isinstance(each, tuple) else each for name, each in asked.items()
        }

    @property
    def _is_asked_otherwise(self) -> bool:
        """Whether columns are to be read otherwise than last time, on purpose."""
        return self.last is not None and self.last.options != self._asked

    @property
    def _accepts_changes(self) -> bool:
        return self.request.accept_changes or self._is_asked_otherwise

    def _mark(self, query: IncrementalQuery) -> HighWaterMark | None:
        if self.last is None or self.last.high_water_mark is None or self.request.read_again:
            return None
        mark = HighWaterMark.from_dict(self.last.high_water_mark)
        if mark.column != query.column:
            raise InvalidInputError(
                f"The high-water mark of the import {self.request.name} is one of the column"
                f" {mark.column}. Set `read_again` to begin with another column."
            )
        return mark

    def _refuse_gone(self, columns: Sequence[str]) -> None:
        reading = self.readings.series.get(series_of(QUERY_NAME))
        if reading is not None and not self._accepts_changes:
            _refuse(gone_columns(reading, columns))

    def _load(self, path: Path) -> LoadReport:
        options = self.readings.pinned(self.request.options)
        if options.create_items is None and self.last is not None:
            options = replace(options, create_items=self.last.create_items)
        report = load(
            [str(path)],
            self.database_url,
            options,
            loaded_by=self.request.imported_by,
            source=f"import {self.request.name}: {self.request.shown_source}",
            rejects_path=self.spool / "rejects.jsonl",
            on_progress=self.on_progress,
            on_understood=self._understand,
        )
        self.creates_items = report.creates_items
        return report

    def _understand(self, opened: OpenedFiles) -> None:
        """Compare with the last import, before anything is stored; InvalidInputError."""
        changes = column_changes(self.readings, opened)
        if not self._accepts_changes:
            refuse_unreadable(self.readings, opened.skipped)
            _refuse([fault for change in changes for fault in change.faults])
        self.notices += [change.to_text() for change in changes]
        self.notices += [
            f"{file} was not loaded: {reason}" for file, reason in opened.skipped.items()
        ]
        self.readings = self.readings.followed_by(opened)
        self.rows = opened.total_rows
        self.columns = tuple(
            ColumnReading(plan.table.source.name, column.name, column.meaning, column.read_as)
            for plan in opened.plans
            for column in plan.columns
        ) + tuple(
            ColumnReading(plan.table.source.name, "", "kind", f"all are {plan.kind}")
            for plan in opened.plans
            if isinstance(plan, EventsPlan) and plan.kind is not None
        )

    def _keep(
        self, report: LoadReport, mark: HighWaterMark | None, files: Sequence[ImportedFile] = ()
    ) -> None:
        new = NewImport(
            name=self.request.name,
            load_no=report.load_no,
            source=self.request.shown_source,
            options=self._asked,
            readings=self.readings.to_dict(),
            create_items=self.creates_items,
            high_water_mark=None if mark is None else mark.to_dict(),
            files=files,
        )
        self.history.store(new)

    def _nothing(self, **fields: Any) -> Imported:
        return Imported(
            self.request.name,
            self.request.shown_source,
            rows=0,
            notices=tuple(self.notices),
            **fields,
        )

    def _imported(self, report: LoadReport, **fields: Any) -> Imported:
        if report.advice is not None:
            self.notices.append(report.advice)
        return Imported(
            self.request.name,
            self.request.shown_source,
            rows=self.rows,
            report=report,
            columns=self.columns,
            notices=tuple(self.notices),
            samples=_samples(report.rejects_path),
            **fields,
        )


def _refuse(faults: Sequence[str]) -> None:
    if faults:
        raise InvalidInputError(
            f"{' '.join(faults)} Nothing was stored. If that is meant, say in `columns` what is"
            " read from which column, or set `accept_changes`."
        )


def _samples(path: Path | None) -> dict[str, tuple[str, ...]]:
    """The first rows of a rejects file for each reason."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    if path is not None:
        with path.open("rb") as lines:
            for line in lines:
                row = orjson.loads(line)
                if len(found[row["reason"]]) < SAMPLES:
                    content = row["content"]
                    text = content if isinstance(content, str) else orjson.dumps(content).decode()
                    found[row["reason"]].append(
                        f"{row['file']}, row {row['row']}: {text[:_LONGEST_SAMPLE]}"
                    )
    return {reason: tuple(samples) for reason, samples in found.items()}
