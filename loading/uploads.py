"""Loads what was uploaded: `python -m loading.uploads` goes on until nothing is left, then ends.

`loading.worker` starts it, so that its memory and its libraries are there only while they are
needed, and it may be killed at any time: what it did is kept, and the next one goes on.
"""

import dataclasses
import errno
import itertools
import json
import logging
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from domain.errors import InvalidInputError, StoreUnavailableError
from domain.limits import KEPT_CONTEXT
from loading.load import load
from loading.options import AmbiguousInputError, LoadOptions, column_options, kind_options
from loading.preview import preview
from loading.priority import let_others_go_first
from loading.report import LoadReport, Progress
from loading.settings import LoadingSettings
from sql.addresses import LOADING_WORKER
from sql.engine import AWAY_ERRORS, make_engine
from sql.environment import refuse_unknown_variables
from sql.loads import undo_load
from sql.uploads import (
    ClaimedUpload,
    claimed_upload,
    end_upload,
    is_loading,
    load_numbers,
    note_progress,
)

log = logging.getLogger("loading.uploads")

WORK_FOLDER = "work"
"""Within the folder of uploads: what is unpacked on the way, by upload."""

_AWAY: tuple[type[Exception], ...] = (*AWAY_ERRORS, StoreUnavailableError)
_MOST_ATTEMPTS = 10
_REJECTS_SHOWN = 20
_PROGRESS_SECONDS = 0.5
_PATIENCE_SECONDS = 60.0
_FLAGS = {
    "no-header": "header=false",
    "header": "header=true",
    "day-first": "day_first=true",
    "month-first": "day_first=false",
    "create-items": "create_items=true",
    "no-create-items": "create_items=false",
    "no-times": "no_times=true",
    "preview": "preview=true",
}
_OPTION = re.compile(r"--([a-z]+(?:-[a-z]+)*)[ =]?")


class _StoppedError(Exception):
    """The upload is to be taken back: loading it ends."""


def work(
    connection: Connection,
    database_url: str,
    folder: Path,
    kept_context: tuple[str, ...] = KEPT_CONTEXT,
) -> bool:
    """Claim one upload and do what is to be done with it; False: there is nothing to do.

    `connection` is in autocommit; of contexts the names `kept_context` are kept. Raises one of
    `sql.engine.AWAY_ERRORS` or StoreUnavailableError if PostgreSQL goes away: then the upload is
    taken up again.
    """
    with claimed_upload(connection) as upload:
        if upload is None:
            return False
        log.info("upload %d (%s): %s", upload.upload_id, upload.filename, upload.state)
        spool = folder / WORK_FOLDER / str(upload.upload_id)
        # What is there was left by a process that was killed.
        shutil.rmtree(spool, ignore_errors=True)
        # What is unpacked may be large, and /tmp small.
        usual, tempfile.tempdir = tempfile.tempdir, str(spool)
        try:
            spool.mkdir(mode=0o700, parents=True)
            if upload.state == "undoing":
                state, result = "undone", _undone(connection, upload)
            else:
                options = _options(upload.options, kept_context)
                file = folder / upload.file
                result = _loaded(connection, database_url, upload, options, file=file, spool=spool)
                state = "complete"
            ended = end_upload(connection, upload, state, result)  # type: ignore[arg-type]
        except _StoppedError:
            return True
        except Exception as error:
            if _is_away(error):
                raise
            end_upload(connection, upload, "failed", {"error": _error(error, spool)})
            return True
        finally:
            tempfile.tempdir = usual
            shutil.rmtree(spool, ignore_errors=True)
        if ended and not upload.is_preview:
            (folder / upload.file).unlink(missing_ok=True)
        return True


def _loaded(
    connection: Connection,
    database_url: str,
    upload: ClaimedUpload,
    options: LoadOptions,
    *,
    file: Path,
    spool: Path,
) -> dict[str, Any]:
    if upload.attempts > _MOST_ATTEMPTS:
        raise InvalidInputError(
            f"Loading was begun {_MOST_ATTEMPTS} times and never came to its end. The log of the"
            " loading worker may tell why; send it again to try it again."
        )
    if not file.exists():
        raise InvalidInputError(
            "The file is not there any more. Send it again; and if it is the first one, let the API"
            " and the loading worker share a folder (TANDEM_UPLOADS)."
        )
    # By its own name: layouts are recognised by it, and reports have it.
    named = spool / "given" / upload.filename
    named.parent.mkdir()
    named.symlink_to(file)
    if upload.is_preview:
        understood = preview([str(named)], database_url, options)
        return {"preview": dataclasses.asdict(understood)}
    _wait_for_predecessor(connection, upload)
    rejects_path = spool / "rejects"
    report = load(
        [str(named)],
        database_url,
        options,
        loaded_by=upload.uploaded_by,
        source=upload.source,
        rejects_path=rejects_path,
        on_understood=lambda _: _note(connection, upload, None),
        on_progress=_Noting(connection, upload).note,
    )
    return {"report": _report(report, rejects_path)}


def _wait_for_predecessor(connection: Connection, upload: ClaimedUpload) -> None:
    """Until PostgreSQL has seen that the process which was loading it is gone."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while is_loading(connection, upload) and time.monotonic() < deadline:
        time.sleep(0.2)


def _note(connection: Connection, upload: ClaimedUpload, progress: Progress | None) -> None:
    noted = {} if progress is None else dataclasses.asdict(progress)
    if not note_progress(connection, upload.upload_id, noted):
        raise _StoppedError


class _Noting:
    """Writes down how far loading is, not too often."""

    def __init__(self, connection: Connection, upload: ClaimedUpload) -> None:
        self._connection = connection
        self._upload = upload
        self._due = 0.0

    def note(self, progress: Progress) -> None:
        now = time.monotonic()
        if now >= self._due:
            _note(self._connection, self._upload, progress)
            self._due = now + _PROGRESS_SECONDS


def _undone(connection: Connection, upload: ClaimedUpload) -> dict[str, Any]:
    """Take back all its loads: it may have been loaded in more than one way, after errors."""
    _wait_for_predecessor(connection, upload)
    counted = ("events", "users_removed", "items_removed", "items_kept", "items_restored")
    totals = dict.fromkeys(counted, 0)
    for load_no in load_numbers(connection, upload):
        # Autocommit does not suit: it works in temporary tables of its transaction.
        with connection.engine.begin() as transaction:
            undone = undo_load(transaction, load_no)
        for name in totals:
            totals[name] += getattr(undone, name)
    return {"undone": totals}


def _options(given: Mapping[str, Any], kept_context: tuple[str, ...]) -> LoadOptions:
    """The options as query parameters say them, and what is kept of contexts."""
    taken = {name: value for name, value in given.items() if name not in ("columns", "map_kind")}
    if "attributes" in taken:
        taken["attributes"] = tuple(taken["attributes"])
    return LoadOptions(
        columns=column_options(given.get("columns", ())),
        kinds=kind_options(given.get("map_kind", ())),
        kept_context=kept_context,
        **taken,
    )


def _report(report: LoadReport, rejects_path: Path) -> dict[str, Any]:
    fields = dataclasses.asdict(report)
    del fields["rejects_path"]
    fields["advice"] = report.advice and _in_parameters(report.advice)
    rows = []
    if report.rejects_path is not None:
        with rejects_path.open("rb") as file:
            rows = [json.loads(line) for line in itertools.islice(file, _REJECTS_SHOWN)]
    return fields | {"rejected_rows": rows}


def _is_away(error: Exception) -> bool:
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return False
    return isinstance(error, _AWAY)


def _error(error: Exception, spool: Path) -> dict[str, Any]:
    """An error as a client sees it: in the words of the API, and without our folders."""
    if isinstance(error, AmbiguousInputError):
        choices = [
            {"label": choice.label, "parameters": _parameters(choice.changes)}
            for choice in error.choices
        ]
        given = {"detail": _in_parameters(str(error)), "question": error.question}
        return given | {"choices": choices}
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return {"detail": "There was no room left on the disk to unpack the file."}
    if isinstance(error, InvalidInputError):
        text = str(error).replace(f"{spool / 'given'}/", "").replace(f"{spool}/", "")
        return {"detail": _in_parameters(text)}
    log.error("loading failed", exc_info=error)
    return {"detail": "Something went wrong here. The log of the loading worker has it."}


def _parameters(changes: Mapping[str, Any]) -> dict[str, list[str]]:
    """What a choice changes, as query parameters."""
    found: dict[str, list[str]] = {}
    for name, value in changes.items():
        if name == "columns":
            found[name] = [f"{meaning}={column}" for meaning, column in value.items()]
        elif name == "kinds":
            found["map_kind"] = [f"{word}={kind or '-'}" for word, kind in value.items()]
        elif isinstance(value, bool):
            found[name] = [str(value).lower()]
        else:
            found[name] = [value] if isinstance(value, str) else [str(each) for each in value]
    return found


def _in_parameters(text: str) -> str:
    """A message that names options of the command line, with query parameters instead."""

    def named(found: re.Match[str]) -> str:
        name = found[1]
        if name in _FLAGS:
            return _FLAGS[name] + found[0][len(name) + 2 :]
        return ("columns" if name == "column" else name.replace("-", "_")) + "="

    return _OPTION.sub(named, text)


def main() -> None:
    """Load until nothing is left; exit code 75 if PostgreSQL is away."""
    refuse_unknown_variables()
    let_others_go_first()
    settings = LoadingSettings()
    logging.basicConfig(
        level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    url = settings.database_url.get_secret_value()
    engine = make_engine(url, application_name=LOADING_WORKER, pool_size=2)
    try:
        with engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            while work(connection, url, settings.uploads_folder, settings.kept_context):
                pass
    except _AWAY as error:
        log.warning("postgres is away, or the disk: %s", error)
        sys.exit(75)


if __name__ == "__main__":
    main()
