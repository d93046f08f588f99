"""How much memory the embedded PostgreSQL may use on this machine."""

from contextlib import suppress
from pathlib import Path

import psutil

MIB = 1024 * 1024
CONTAINER_LIMIT = Path("/sys/fs/cgroup/memory.max")


def usable_memory_bytes(container_limit: Path = CONTAINER_LIMIT) -> int:
    """Tell the physical memory, or the container's limit where that is lower."""
    physical = psutil.virtual_memory().total
    try:
        return min(physical, int(container_limit.read_text()))
    except (OSError, ValueError):
        return physical


def memory_settings(total_bytes: int, data_bytes: int) -> dict[str, str]:
    """Make PostgreSQL's memory settings for a machine it shares with the rest of the stack.

    `data_bytes`: the size of its data. Buffers beyond it would stay empty, and still cost 2 %
    of their size in what keeps track of them.
    """
    total = total_bytes // MIB
    buffers = _between(128, 2 * data_bytes // MIB, total // 8)
    return {
        "shared_buffers": f"{_between(128, buffers, 2048)}MB",
        "effective_cache_size": f"{max(256, total // 2)}MB",
        "work_mem": f"{_between(4, total // 512, 64)}MB",
        "maintenance_work_mem": f"{_between(64, total // 16, 1024)}MB",
    }


def size_of(folder: Path) -> int:
    """The bytes of all files in a folder; what is taken away meanwhile counts nothing."""
    sizes = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            sizes += path.stat().st_size
    return sizes


def _between(low: int, value: int, high: int) -> int:
    return max(low, min(value, high))
