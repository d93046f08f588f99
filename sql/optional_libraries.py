"""Libraries that others use where they find them, and that a process of ours does not need.

On one machine all processes share an environment, and each would load what was installed for
another. A container has only what its process needs.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def not_installed(*names: str) -> Iterator[None]:
    """Within the block these cannot be imported, unless they have been already.

    ModuleNotFoundError is raised as if they were not installed, which whoever looks for a library
    that may be missing expects. Afterwards they are imported as ever.
    """
    hidden = [name for name in names if name not in sys.modules]
    # What Python documents: the import of a name that has None here fails.
    sys.modules |= dict.fromkeys(hidden)  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
