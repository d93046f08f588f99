"""The database of Prefect's server in a new home: a copy of one that is at the newest revision."""

import os
import shutil
from pathlib import Path

from flows.project_folder import prefect_template

NAME = "prefect.db"


def ensure_prefect_database(folder: Path) -> None:
    """Copy the template to PREFECT_HOME, unless a database is there or no template was made.

    Prefect makes its own then, or brings what it finds to its newest revision.
    """
    database, template = folder / NAME, prefect_template()
    if database.exists() or not template.exists():
        return
    # Whole or not at all: Prefect would take half a file for a damaged database.
    draft = database.with_suffix(".new")
    with template.open("rb") as source, open(_new_file(draft), "wb") as target:
        shutil.copyfileobj(source, target)
        target.flush()
        os.fsync(target.fileno())
    draft.replace(database)


def _new_file(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
