"""Where the project lies, so that no deployment has to name a path of this machine."""

from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent


def enter_project() -> dict[str, str]:
    """A pull step of `prefect.yaml`: Prefect changes into the folder named `directory`."""
    return {"directory": str(PROJECT)}
