"""A release, made once for all who ask for it."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def release_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make release` makes."""
    folder = tmp_path_factory.mktemp("release") / "release"
    made = [sys.executable, str(ROOT / "deploy" / "make_release.py"), str(folder)]
    subprocess.run(made, check=True, stdout=subprocess.DEVNULL, timeout=300)
    return folder
