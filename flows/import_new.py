"""The flow `import`: what is new in a folder or a database comes into Tandem, again and again."""

from pathlib import Path
from time import monotonic
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from prefect import flow, get_run_logger
from prefect.blocks.system import Secret
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from pydantic import Field
from sqlalchemy.pool import NullPool

from domain.errors import InvalidInputError
from flows.artifacts_of_imports import publish_import
from flows.giving_way import unless_needless
from flows.run_names import import_name
from loading.addresses import check_database, refuse_password
from loading.high_water_marks import IncrementalQuery
from loading.import_requests import DatabaseSource, FolderSource, Imported, ImportRequest
from loading.imports import import_new
from loading.options import LoadOptions
from loading.report import Progress
from loading.words import MEANINGS, is_meaning
from sql.addresses import libpq_url
from sql.engine import FLOW, make_engine
from sql.imports import ImportHistory, import_lock
from sql.settings import DatabaseSettings, KeptContextSettings

_REPORT_SECONDS = 10
_PARAMETERS = (
    " (What a command says as an option is a parameter here: --column A=B is columns {A: B},"
    " --map-kind A=B is kinds {A: B}, and A=- is {A: null}; the others have the option's name.)"
)


@flow(
    name="import",
    description="Bring in what is new in a folder or a database since it was read last.",
    flow_run_name=import_name,
    persist_result=False,
)
def import_from_source(
    *,
    source: Annotated[str, Field(min_length=1)],
    name: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,58}[a-z0-9])?$")] = "default",
    query: str | None = None,
    high_water_mark: str | None = None,
    start: int | str | None = None,
    columns: dict[str, str | int] | None = None,
    kind: str | None = None,
    kinds: dict[str, str | None] | None = None,
    scale: str | None = None,
    time_zone: str = "UTC",
    day_first: bool | None = None,
    no_times: bool = False,
    create_items: bool | None = None,
    attributes: list[str] | None = None,
    order_ids: bool | None = None,
    user: str | None = None,
    split: str | None = None,
    guests: str | None = None,
    separator: str | None = None,
    header: bool | None = None,
    encoding: str | None = None,
    read_again: bool = False,
    accept_changes: bool = False,
) -> Imported | State[Any]:
    """Load what is new; what became of it. Nothing comes twice, and nothing is left out.

    Args:
        source: the path of a folder, such as /data/exports, or the name of a Secret block with the
            address of a database
        name: what this import is called; each name has a high-water mark of its own
        query: what to ask the database, such as: select * from events where updated_at >= {since}
        high_water_mark: the column of the answer that {since} is compared with
        start: what {since} is on the first run; empty reads from the beginning
        columns: which column means what, such as {"user_id": "customer_no"}
        kind: the kind of all events, such as purchase
        kinds: our kind for each word of the source, such as {"bought": "purchase", "test": null};
            null leaves such events out
        scale: the scale of the ratings, such as 1:5
        time_zone: the zone of times that name none, such as Europe/Berlin
        day_first: whether 3/4/2026 is in April
        no_times: the events have no times and happen when they are loaded
        create_items: whether events make the items that the catalogue lacks; empty: if it was empty
            before the first run
        attributes: columns of items that become attributes; all: every other column
        order_ids: whether ids of events are those of orders, of which each item is an event
        user: the id of the person who did all of it, where no column says who
        split: what joins several ids of items in one field, such as |; -: each is one id
        guests: ids of users that stand for nobody, with commas; -: there are none
        separator: what separates the fields of text files
        header: whether the first line of text files is names
        encoding: the encoding of text files, such as latin-1
        read_again: read all again, whatever was read before
        accept_changes: go on although columns that were read before are gone

    """
    options = LoadOptions(
        columns=_columns(columns or {}),
        kind=kind,
        kinds=kinds or {},
        header=header,
        separator=separator,
        encoding=encoding,
        time_zone=_zone(time_zone),
        day_first=day_first,
        scale=scale,
        no_times=no_times,
        create_items=create_items,
        attributes=tuple(attributes or ()),
        order_ids=order_ids,
        user=user,
        split=split,
        guests=guests,
        kept_context=KeptContextSettings().kept_context,
    )
    request = ImportRequest(
        name=name,
        source=_source(source, query, high_water_mark, start),
        shown_source=source,
        options=options,
        imported_by=f"Prefect, flow run {flow_run.get_name()}",
        read_again=read_again,
        accept_changes=accept_changes,
    )
    return unless_needless(lambda: _import(request))


def _import(request: ImportRequest) -> Imported:
    log = get_run_logger()
    url = DatabaseSettings().database_url.get_secret_value()
    engine = make_engine(url, application_name=FLOW, poolclass=NullPool)

    reported_at = monotonic()

    def report(progress: Progress) -> None:
        nonlocal reported_at
        if monotonic() - reported_at >= _REPORT_SECONDS:
            reported_at = monotonic()
            log.info("%s of %s rows are read.", f"{progress.rows:,}", f"{progress.total_rows:,}")

    with engine.connect() as connection:
        session = connection.execution_options(isolation_level="AUTOCOMMIT")
        with import_lock(session, request.name):
            history = ImportHistory(engine.begin)
            try:
                imported = import_new(request, history, libpq_url(url), on_progress=report)
            except InvalidInputError as error:
                if "--" not in str(error):
                    raise
                raise InvalidInputError(f"{error}{_PARAMETERS}") from None
    log.info("%s rows were read from %s.", f"{imported.rows:,}", imported.source)
    for notice in imported.notices:
        log.warning("%s", notice)
    publish_import(imported)
    return imported


def _source(
    source: str, query: str | None, high_water_mark: str | None, start: int | str | None
) -> FolderSource | DatabaseSource:
    """The folder, or the database with what is asked of it."""
    refuse_password(source)
    if source.startswith(("/", "~")):
        if query is not None or high_water_mark is not None:
            raise InvalidInputError(
                f"{source} is a folder: `query` and `high_water_mark` are for a database."
            )
        return FolderSource(Path(source).expanduser())
    if query is None:
        raise InvalidInputError(
            f"{source} is taken for a Secret block with the address of a database: say in `query`"
            " what to ask it. The path of a folder begins with /."
        )
    asked = IncrementalQuery(query, high_water_mark or None, start)
    if "://" in source:
        check_database(source, "The source")
        return DatabaseSource(asked, source)
    url = _secret(source.removeprefix("secret/"))
    check_database(url, f"The Secret block {source}")
    return DatabaseSource(asked, url)


def _secret(block: str) -> str:
    try:
        found = Secret.load(block)
    except ValueError:
        # Prefect's own message says how to look for it in Python.
        raise InvalidInputError(
            f"There is no Secret block {block}. Make it in Prefect: Blocks, +, Secret, with the"
            " address of the database as its value."
        ) from None
    return str(found.get())  # type: ignore[union-attr]


def _columns(given: dict[str, str | int]) -> dict[str, str]:
    for meaning in given:
        if not is_meaning(meaning):
            raise InvalidInputError(
                f"`columns` has {meaning}, which is no meaning. The meanings are"
                f" {', '.join(MEANINGS)} and context.NAME; the column stands after it."
            )
    return {meaning: str(column) for meaning, column in given.items()}


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidInputError(
            f"There is no time zone {name}. One is called as Europe/Berlin or UTC."
        ) from None
    return name
