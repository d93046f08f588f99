"""What an engine asks a server about itself before anything else, asked once for every address."""

from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.engine import URL, Dialect

_ANSWERS: dict[tuple[type[Dialect], URL], dict[str, Any]] = {}
"""Attributes of a dialect that its first connection changed."""


def ask_once(engine: Engine) -> None:
    """Let an engine know what another one to the same address was told.

    SQLAlchemy asks with the first connection of each engine for the version, the schema, the
    isolation and how strings are written: four statements, and a process has several engines.
    """
    dialect = engine.dialect
    ask = dialect.initialize

    def initialize(connection: Connection) -> None:
        address = (type(dialect), engine.url)
        if address not in _ANSWERS:
            before = dict(vars(dialect))
            ask(connection)
            _ANSWERS[address] = {
                name: value
                for name, value in vars(dialect).items()
                # Besides what it was told it keeps what belongs to itself, as its memory of types.
                if isinstance(value, bool | str | tuple) and before.get(name) != value
            }
        vars(dialect).update(_ANSWERS[address])

    dialect.initialize = initialize  # type: ignore[method-assign]
