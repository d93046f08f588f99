"""Errors as one clear line."""

from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from domain.errors import TandemError

_HINT = "(TANDEM_DEBUG=1 shows where)"


_OF_OTHERS = ("DATABASE_", "READ_DATABASE_", "POOLED_DATABASE_", "REDIS_")
"""Beginnings of settings that other programs know by these names too."""


def error_message(error: Exception) -> str:
    """What went wrong, without a traceback."""
    if isinstance(error, TandemError):
        return str(error)
    if isinstance(error, ValidationError):
        return "\n".join(_setting(problem["loc"], problem["msg"]) for problem in error.errors())
    if isinstance(error, SQLAlchemyError):
        return f"PostgreSQL: {first_line(getattr(error, 'orig', None) or error)} {_HINT}"
    if isinstance(error, OSError):
        return f"{error} {_HINT}"
    return f"{type(error).__name__}: {first_line(error)} {_HINT}"


def _setting(location: tuple[int | str, ...], message: str) -> str:
    if not location:
        return message.removeprefix("Value error, ")
    name = str(location[0]).upper()
    variable = name if name.startswith(_OF_OTHERS) else f"TANDEM_{name}"
    return f"{variable}: {message}"


def first_line(error: BaseException) -> str:
    """The first line of what an error says."""
    return str(error).strip().partition("\n")[0]
