"""PostgreSQL's memory: a share of what the machine or its container has."""

from pathlib import Path

import psutil
import pytest

from stack.local.servers.memory_settings import memory_settings, usable_memory_bytes

GIB = 1024**3


@pytest.mark.parametrize(
    ("gibibytes", "shared_buffers", "maintenance_work_mem"),
    [(0.5, "128MB", "64MB"), (8, "1024MB", "512MB"), (256, "2048MB", "1024MB")],
)
def test_memory_settings_grow_with_the_machine_within_bounds(
    gibibytes: float, shared_buffers: str, maintenance_work_mem: str
) -> None:
    settings = memory_settings(int(gibibytes * GIB))
    assert settings["shared_buffers"] == shared_buffers
    assert settings["maintenance_work_mem"] == maintenance_work_mem


@pytest.mark.parametrize(
    ("limit", "expected"), [(f"{GIB}\n", GIB), ("max\n", psutil.virtual_memory().total)]
)
def test_a_container_s_limit_counts_as_the_memory_of_the_machine(
    tmp_path: Path, limit: str, expected: int
) -> None:
    (tmp_path / "memory.max").write_text(limit)
    assert usable_memory_bytes(tmp_path / "memory.max") == expected
