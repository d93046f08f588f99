"""The engine of a night has a folder for what it need not hold, or says that it has none."""

from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from batch.history.row_blocks import BlockStore
from batch.settings import BatchSettings
from domain.errors import InvalidInputError
from flows.batch_engine import opened_engine


def test_the_folder_is_made_and_is_empty_when_the_night_has_ended(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "nights"
    with opened_engine(BatchSettings(folder=folder)) as engine:
        assert engine.folder == folder
        store = BlockStore(engine.folder, held_bytes=0)
        read = store.keep(csr_matrix(np.eye(3)))
        assert read().nnz == 3
        # It has no name from the beginning: a process that is killed leaves nothing behind.
        assert not list(folder.iterdir())


def test_a_folder_that_cannot_be_is_said_before_the_night_begins(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    settings = BatchSettings(folder=tmp_path / "file" / "nights")
    with (
        pytest.raises(InvalidInputError, match="TANDEM_BATCH_FOLDER"),
        opened_engine(settings),
    ):
        pass
