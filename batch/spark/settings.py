"""Settings of the engine `spark`."""

import os
import stat
import tempfile
from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from domain.errors import InvalidInputError
from sql.environment import LayerSettings

_THIS_MACHINE = "local"
_OWN = 0o700
"""The mode of a folder that nobody else sees into."""


class SparkSettings(LayerSettings):
    """Read where a night begins whose engine is `spark`.

    Whatever else Spark is to be told stands in its own `spark-defaults.conf`.
    """

    model_config = SettingsConfigDict(env_prefix="TANDEM_SPARK_")

    master: str = Field(
        "local[*]",
        min_length=1,
        description="where the engine spark runs: a master such as spark://host:7077, or local[*]",
    )
    folder: Path | None = Field(
        None,
        description="a folder that the night and all executors see by this path, for blocks; unset:"
        " a temporary one, with a master on this machine only",
    )

    def checked_folder(self) -> Path:
        """The folder; InvalidInputError if the executors could not see it."""
        if self.folder is not None:
            return self.folder
        if not self.master.startswith(_THIS_MACHINE):
            raise InvalidInputError(
                f"TANDEM_SPARK_MASTER={self.master} needs TANDEM_SPARK_FOLDER: a folder that the"
                " night and all executors see by the same path, such as one of NFS."
            )
        return _temporary_folder()


def _temporary_folder() -> Path:
    """A folder of this account alone, below that for temporary files."""
    folder = Path(tempfile.gettempdir()) / f"tandem-spark-{os.getuid()}"
    try:
        folder.mkdir(mode=_OWN, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise InvalidInputError(f"{error}: TANDEM_SPARK_FOLDER can name another folder.") from error
    if found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) != _OWN:
        raise InvalidInputError(
            f"{folder} must belong to the account of the night, with mode 0700. Remove it, or name"
            " another folder in TANDEM_SPARK_FOLDER."
        )
    return folder
