"""Bulk loading: what `tandem load`, uploads, scheduled imports and the sample put into the store.

Reads files, archives, standard input and databases with DuckDB; writes `items` and the interaction
log through the SQL function `store_staged_events`, each load under a number by which it is undone.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from loading.load import load_tables
    from loading.options import LoadOptions
    from loading.report import LoadReport, Progress

__all__ = ["LoadOptions", "LoadReport", "Progress", "load_tables"]

_MODULES = {
    "LoadOptions": "loading.options",
    "LoadReport": "loading.report",
    "Progress": "loading.report",
    "load_tables": "loading.load",
}


def __getattr__(name: str) -> Any:
    """What is asked for, imported now: the worker that waits for uploads needs no DuckDB."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
