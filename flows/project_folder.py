"""Where the project lies, so that no deployment has to name a path of this machine."""

import sys
from importlib.metadata import version
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent


def deployments_file() -> Path:
    """`prefect.yaml`: beside the layers in a clone, among the flows in a wheel."""
    beside = PROJECT / "prefect.yaml"
    return beside if beside.exists() else PROJECT / "flows" / "prefect.yaml"


def enter_project() -> dict[str, str]:
    """A pull step of `prefect.yaml`: Prefect changes into the folder named `directory`."""
    return {"directory": str(PROJECT)}


def prefect_template() -> Path:
    """The empty database of Prefect's server, in the environment that has this version of it.

    It may be missing: `flows.prefect_template` makes it.
    """
    return Path(sys.prefix, "share", "tandem", f"prefect-{version('prefect')}.db")
