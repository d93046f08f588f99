"""PostgreSQL's memory: a share of what the machine or its container has."""

from pathlib import Path

import psutil
import pytest

from stack.local.servers.memory_settings import memory_settings, size_of, usable_memory_bytes

GIB = 1024**3


@pytest.mark.parametrize(
    ("gibibytes", "shared_buffers", "maintenance_work_mem"),
    [(0.5, "128MB", "64MB"), (8, "1024MB", "512MB"), (256, "2048MB", "1024MB")],
)
def test_memory_settings_grow_with_the_machine_within_bounds(
    gibibytes: float, shared_buffers: str, maintenance_work_mem: str
) -> None:
    settings = memory_settings(int(gibibytes * GIB), 100 * GIB)
    assert settings["shared_buffers"] == shared_buffers
    assert settings["maintenance_work_mem"] == maintenance_work_mem


@pytest.mark.parametrize(
    ("data_bytes", "shared_buffers"), [(0, "128MB"), (GIB // 4, "512MB"), (GIB, "1024MB")]
)
def test_a_small_database_gets_no_buffers_that_it_cannot_fill(
    data_bytes: int, shared_buffers: str
) -> None:
    assert memory_settings(8 * GIB, data_bytes)["shared_buffers"] == shared_buffers


def test_the_size_of_a_folder_is_that_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "1").write_bytes(bytes(1000))
    assert 1000 <= size_of(tmp_path) < 1000 + 100_000


@pytest.mark.parametrize(
    ("limit", "expected"), [(f"{GIB}\n", GIB), ("max\n", psutil.virtual_memory().total)]
)
def test_a_container_s_limit_counts_as_the_memory_of_the_machine(
    tmp_path: Path, limit: str, expected: int
) -> None:
    (tmp_path / "memory.max").write_text(limit)
    assert usable_memory_bytes(tmp_path / "memory.max") == expected
