"""Settings of the engine `spark`."""

import tempfile
from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from domain.errors import InvalidInputError
from sql.environment import LayerSettings

_THIS_MACHINE = "local"


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
        return Path(tempfile.gettempdir()) / "tandem-spark"
