"""The parameters and the bodies of /v1/loads."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field
from sqlalchemy import Row
from typing_extensions import TypeAliasType

from serving.http.values import (
    WITHOUT_NUL,
    Documented,
    Identifier,
    QueryBoolean,
    storable_text,
)

MOST_REPEATED = 100
LONGEST_FILENAME_BYTES = 240

LoadState = TypeAliasType(
    "LoadState",
    Literal["queued", "running", "complete", "failed", "interrupted", "undoing", "undone"],
)

ShortText = Annotated[
    str, Field(min_length=1, max_length=200), AfterValidator(storable_text), WITHOUT_NUL
]
Pair = Annotated[
    str,
    Field(min_length=3, max_length=500, pattern="^[^=].*="),
    AfterValidator(storable_text),
    Documented({"pattern": r"^[^=\u0000][^\n\u0000]*=[^\u0000]*$"}),
]


def _file_name(given: str) -> str:
    if "/" in given:
        raise ValueError("give the name of a file, without its folder")
    if len(given.encode()) > LONGEST_FILENAME_BYTES:
        raise ValueError(f"a name has at most {LONGEST_FILENAME_BYTES} bytes")
    return given


class LoadOptionsQuery(BaseModel):
    """How a file is to be read; what is not said is seen from the data."""

    preview: QueryBoolean = Field(
        default=False, description="Say what would be stored, and store nothing."
    )
    columns: Annotated[
        list[Pair],
        Field(
            max_length=MOST_REPEATED,
            description="Which column means what; repeated. Numbers count from 1.",
            examples=[["user_id=reviewerID"]],
        ),
    ] = []
    kind: ShortText | None = Field(
        None, description="The kind of all events.", examples=["purchase"]
    )
    map_kind: Annotated[
        list[Pair],
        Field(
            max_length=MOST_REPEATED,
            description="What a word of the file is here; repeated. `-` leaves such events out.",
            examples=[["watched=view", "error=-"]],
        ),
    ] = []
    scale: ShortText | None = Field(
        None, description="The scale of the ratings, least:greatest.", examples=["1:10"]
    )
    header: QueryBoolean | None = Field(None, description="Whether the first line is names.")
    separator: ShortText | None = Field(
        None, description="What separates fields: a character, `::`, or `tab`.", examples=["tab"]
    )
    encoding: ShortText | None = Field(None, examples=["latin-1"])
    time_zone: ShortText | None = Field(
        None,
        description="The zone of times that name none; UTC if it is not given.",
        examples=["Europe/Berlin"],
    )
    day_first: QueryBoolean | None = Field(
        None, description="Whether 3/4/2020 is in April, and not in March."
    )
    no_times: QueryBoolean = Field(
        default=False, description="The events have no times: all happen when they are loaded."
    )
    create_items: QueryBoolean | None = Field(
        None,
        description="Whether to create items that events name and the catalogue lacks. Left out:"
        " only if the catalogue is empty.",
    )
    attributes: Annotated[
        list[ShortText],
        Field(
            max_length=MOST_REPEATED,
            description="Columns of items that become attributes; repeated. `all`: all others.",
            examples=[["all"]],
        ),
    ] = []
    layout: ShortText | None = Field(
        None, description="A published layout.", examples=["MovieLens 1M ratings"]
    )

    user: Identifier | None = Field(
        None, description="Who did all of it, where no column says who.", examples=["ann"]
    )

    split: ShortText | None = Field(
        None,
        description="What joins several ids of items in one field; `-`: each is one id.",
        examples=["|"],
    )
    guests: ShortText | None = Field(
        None,
        description="Ids of users that stand for nobody, with commas; `-`: there are none.",
        examples=["guest,0"],
    )

    def options(self) -> dict[str, Any]:
        """What was said of how the file is to be read."""
        return self.model_dump(exclude={"preview", "filename"}, exclude_defaults=True)


class LoadQuery(LoadOptionsQuery):
    """The same, and the file's name."""

    filename: Annotated[Identifier, AfterValidator(_file_name)] = Field(
        "upload",
        description="What the file is called; published layouts are recognised by it, too.",
        examples=["events.csv.gz"],
    )


class LoadProgress(BaseModel):
    """How far loading is."""

    file: str = Field(description="Which file of an archive.", examples=["ratings.csv"])
    rows: int = Field(description="Rows of all files that are stored or rejected by now.")
    total_rows: int


class RejectedRow(BaseModel):
    """A row that was not loaded."""

    file: str
    row: int = Field(description="Counted from 1: the line, or the row of data.")
    reason: str
    content: Any


class LoadReport(BaseModel):
    """What became of every row."""

    items_new: int
    items_changed: int
    items_unchanged: int
    events_stored: int
    events_repeated: int = Field(description="Events that were there already, or came twice.")
    left_out: int = Field(description="Events of kinds that are left out.")
    resumed: bool = Field(description="Whether it went on after an interruption.")
    rejected: dict[str, int] = Field(description="Number of rejected rows by reason.")
    rejected_rows: list[RejectedRow] = Field(description="The first 20 of them.")
    skipped_files: dict[str, str] = Field(description="Files not loaded, and why.")
    unread_columns: dict[str, list[str]] = Field(
        description="By file, the columns that nothing was read from."
    )
    advice: str | None


class LoadChoice(BaseModel):
    """An answer to a question, and the parameters to send the file again with."""

    label: str = Field(examples=["the day"])
    parameters: dict[str, list[str]] = Field(examples=[{"day_first": ["true"]}])


class LoadError(BaseModel):
    """Why nothing, or not all, was loaded."""

    detail: str
    question: str | None = Field(
        None, description="What only the owner of the file knows; null: nothing is asked."
    )
    choices: list[LoadChoice] = []


class UndoneLoad(BaseModel):
    """What was taken back."""

    events: int
    items_removed: int
    users_removed: int = Field(
        0, description="Users it made of whom nothing else is known; they are gone."
    )
    items_kept: int = Field(description="Items it made that somebody used or changed since.")
    items_restored: int = Field(description="Items that are again as they were before.")


class LoadAnswer(BaseModel):
    """An upload, and what became of it."""

    id: int = Field(examples=[12])
    state: LoadState = Field(
        description="interrupted: the worker ended, and the next one goes on. undoing: what was"
        " added is being taken back."
    )
    filename: str
    bytes: int
    options: dict[str, Any] = Field(description="As they were given.")
    is_preview: bool
    uploaded_by: str = Field(
        description="A key or an account by its name.", examples=["key importer"]
    )
    queued_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    progress: LoadProgress | None = Field(description="Null: it is not running, or just began.")
    load_no: int | None = Field(description="The number `tandem loads` has it under.")
    report: LoadReport | None
    preview: dict[str, Any] | None = Field(
        description="How each file is understood: columns, figures, rows that would be rejected."
    )
    error: LoadError | None
    undone: UndoneLoad | None


class LoadsAnswer(BaseModel):
    """The newest loads over HTTP, newest first."""

    loads: list[LoadAnswer]


def load_answer(upload: Row[Any]) -> LoadAnswer:
    """The answer of a row of `find_upload`."""
    result: Mapping[str, Any] = upload.result or {}
    is_running = upload.state in {"running", "interrupted"}
    return LoadAnswer(
        id=upload.upload_id,
        state=upload.state,
        filename=upload.filename,
        bytes=upload.bytes,
        options=upload.options,
        is_preview=upload.is_preview,
        uploaded_by=upload.uploaded_by,
        queued_at=upload.queued_at,
        started_at=upload.started_at,
        ended_at=upload.ended_at,
        progress=(upload.progress or None) if is_running else None,
        load_no=upload.load_no,
        **{name: result.get(name) for name in ("report", "preview", "error", "undone")},
    )
