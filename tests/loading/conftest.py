"""What tests of loading stand on."""

from pathlib import Path

import pytest


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that are written beside others are written here."""
    monkeypatch.chdir(tmp_path)
