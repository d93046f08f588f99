"""Where the project lies, so that no deployment has to name a path of this machine."""

import sys
from importlib.metadata import version
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent


def enter_project() -> dict[str, str]:
    """A pull step of `prefect.yaml`: Prefect changes into the folder named `directory`."""
    return {"directory": str(PROJECT)}


def prefect_template() -> Path:
    """The empty database of Prefect's server, in the environment that has this version of it.

    It may be missing: `flows.prefect_template` makes it.
    """
    return Path(sys.prefix, "share", "tandem", f"prefect-{version('prefect')}.db")
