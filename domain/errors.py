"""One error tree. The docstring of an error is its message; details go in the constructor.

HTTP status codes are assigned in `serving.http.errors` only.
"""

import inspect


class TandemError(Exception):
    """Tandem could not do this."""

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail or inspect.cleandoc(type(self).__doc__ or ""))


class InvalidInputError(TandemError):
    """The input is not valid."""


class UnknownSettingError(TandemError):
    """There is no such setting."""


class UnknownItemError(InvalidInputError):
    """There is no such item."""


class UnknownUserError(InvalidInputError):
    """There is no such user."""


class UnknownEventError(InvalidInputError):
    """There is no such event."""


class UnknownRunError(InvalidInputError):
    """There is no such model run."""


class UnauthenticatedError(TandemError):
    """A valid API key in the header X-API-Key, or a token in Authorization, is needed."""


class ForbiddenError(TandemError):
    """Whoever asks may not do this."""


class StoreUnavailableError(TandemError):
    """PostgreSQL cannot be reached just now. Try again shortly."""

    def __init__(self, detail: str | None = None, *, reason: str = "away") -> None:
        super().__init__(detail)
        self.reason = reason


class OverloadedError(TandemError):
    """More is asked of this process than it can take just now. Try again shortly."""


class NotEnoughHistoryError(TandemError):
    """There are too few interactions to learn from."""


class RunRefusedError(TandemError):
    """The promotion gate refused this model run, and the served one stays."""


class RunInProgressError(TandemError):
    """Another nightly run is in progress. Wait for it, or stop it first."""


class NightMadeUpForError(TandemError):
    """A later nightly run has learned all that this one would have."""


class RollbackRefusedError(TandemError):
    """The run cannot be rolled back to, and the served one stays."""


class TuningInProgressError(TandemError):
    """Another search for hyperparameters is in progress. Wait for it, or stop it first."""


class ImportInProgressError(TandemError):
    """Another run of this import is in progress."""


class RepairRefusedError(TandemError):
    """There is nothing to repair, or somebody else repairs it."""


class StackError(TandemError):
    """The local system could not be started or reached."""
