"""The engine that the settings name."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from batch.engines.engine import BatchEngine
from batch.engines.implicit_engine import ImplicitEngine
from batch.settings import BatchSettings
from batch.spark.settings import SparkSettings
from domain.errors import InvalidInputError

_PRIVATE = 0o700


@contextmanager
def opened_engine(settings: BatchSettings) -> Iterator[BatchEngine]:
    """An engine for one night; InvalidInputError says what the one that is asked for lacks."""
    if settings.engine == "implicit":
        yield ImplicitEngine(settings.threads, _made(settings.folder))
        return
    if find_spec("pyspark") is None:
        raise InvalidInputError(
            "TANDEM_BATCH_ENGINE=spark needs PySpark:"
            " pip install --require-hashes -r requirements-spark.lock"
        )
    from batch.spark.spark_engine import spark_engine  # noqa: PLC0415 -- an extra of its own

    with spark_engine(SparkSettings()) as engine:
        yield engine


def _made(folder: Path | None) -> Path | None:
    """The folder, which is there now; InvalidInputError if nothing can be written there."""
    if folder is None:
        return None
    try:
        folder.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        raise InvalidInputError(f"{error}: TANDEM_BATCH_FOLDER can name another folder.") from error
