"""Errors as one clear line."""

from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from domain.errors import TandemError

_HINT = "(TANDEM_DEBUG=1 shows where)"


def complaint(error: Exception) -> str:
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
    name = str(location[0]).upper() if location else "a setting"
    variable = name if name in {"DATABASE_URL", "REDIS_URL"} else f"TANDEM_{name}"
    return f"{variable}: {message}"


def first_line(error: BaseException) -> str:
    """The first line of what an error says."""
    return str(error).strip().partition("\n")[0]
