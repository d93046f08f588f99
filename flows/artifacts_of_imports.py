"""What an import did, as artifacts of its flow run."""

from collections.abc import Iterator

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from flows.markdown import escaped, one_line, table_lines
from loading.high_water_marks import HighWaterMark
from loading.import_requests import Imported
from loading.report import LoadReport

_MOST_FILES = 50


def publish_import(imported: Imported) -> None:
    """A summary to read, and a table with the figures."""
    key = f"import-{imported.name}"
    rows = figures(imported)
    create_markdown_artifact(
        summary(imported), key=key, description=f"What the import {imported.name} brought"
    )
    create_table_artifact(
        [{"figure": figure, "value": value} for figure, value in rows],
        key=f"{key}-figures",
        description=f"The figures of the import {imported.name}",
    )


def figures(imported: Imported) -> list[tuple[str, int | str]]:
    """Every figure with its name."""
    report = imported.report
    rows: list[tuple[str, int | str]] = [("rows read", imported.rows)]
    if report is not None:
        rows += _of_load(report)
    if imported.files or imported.files_unchanged:
        rows += [
            ("files new or changed", len(imported.files)),
            ("files as before", imported.files_unchanged),
        ]
    if imported.mark_before is not None or imported.mark_after is not None:
        rows += [
            ("high-water mark before", _mark(imported.mark_before)),
            ("high-water mark after", _mark(imported.mark_after)),
        ]
    return rows


def summary(imported: Imported) -> str:
    """Figures, notices, rejected rows and how columns were read, in Markdown."""
    lines = [f"# Import {imported.name} from {_code(imported.source)}", ""]
    report = imported.report
    if report is None:
        lines += ["There was nothing new. Nothing was stored.", ""]
    else:
        lines += [
            f"This is load {report.load_no}; `tandem load --undo {report.load_no}` takes it back.",
            "",
        ]
    lines += [f"**Look at this:** {escaped(notice)}\n" for notice in imported.notices]
    rows = [[escaped(figure), escaped(_value(value))] for figure, value in figures(imported)]
    lines += table_lines(["", ""], rows)
    if report is not None and report.rejected:
        lines += ["", "## Rejected rows", ""]
        lines += ["One is read again when it, or its file, changes, or with `read_again`.", ""]
        lines += table_lines(
            ["reason", "rows", "the first of them"], list(_rejected(imported, report))
        )
    if imported.columns:
        lines += ["", "## How the columns were read", ""]
        lines += table_lines(
            ["file", "column", "meaning", "how"],
            [
                [escaped(row.file), _code(row.column), row.meaning, escaped(row.how)]
                for row in imported.columns
            ],
        )
        unread = {} if report is None else report.unread_columns
        lines += [
            f"\nNot read of {escaped(file)}: {', '.join(map(_code, columns))}."
            for file, columns in unread.items()
        ]
    if imported.files:
        lines += ["", "## Files", ""]
        lines += [f"- {_code(file)}" for file in imported.files[:_MOST_FILES]]
        if len(imported.files) > _MOST_FILES:
            lines.append(f"- and {len(imported.files) - _MOST_FILES:,} more")
    return "\n".join(lines)


def _of_load(report: LoadReport) -> list[tuple[str, int | str]]:
    return [
        ("events stored", report.events_stored),
        ("events repeated", report.events_repeated),
        ("events left out", report.left_out),
        ("items new", report.items_new),
        ("items changed", report.items_changed),
        ("items as before", report.items_unchanged),
        ("rows rejected", sum(report.rejected.values())),
        ("load", report.load_no),
    ]


def _rejected(imported: Imported, report: LoadReport) -> Iterator[list[str]]:
    for reason, rows in report.rejected.items():
        samples = imported.samples.get(reason, ())
        yield [escaped(reason), f"{rows:,}", "<br>".join(_code(sample) for sample in samples)]


def _mark(mark: HighWaterMark | None) -> str:
    return "none" if mark is None else mark.value


def _value(value: int | str) -> str:
    return f"{value:,}" if isinstance(value, int) else value


def _code(text: str) -> str:
    """Text as it is; none for none."""
    return text and f"`{one_line(text).replace('`', chr(39)).replace('|', chr(92) + '|')}`"
