"""A user's token opens what is the user's own: `me`, and the user by name, nobody else."""

from urllib.parse import parse_qsl, urlencode

from fastapi import Request

from domain.errors import ForbiddenError
from domain.identifiers import ME, IdFault
from serving.access.callers import Caller, TokenUser
from serving.runtime.faults import Fault, invalid_request

_NAME = "user_id"
RESERVED_ID = Fault("/user_id", f"{IdFault.RESERVED.value}.")
"""Of `me` in a body, without a token whose user it could stand for."""

_OTHERS = "This token is for one user, and reads and writes as that user only."


def narrow_to_own(request: Request, caller: Caller) -> None:
    """Hold a request of a token to its own user, wherever path or query name one.

    `me` becomes the user's own id; ForbiddenError for the id of another user. It stands before a
    route reads path or query. Requests of keys and people are left as they are.
    """
    if not isinstance(caller, TokenUser):
        return
    path = request.path_params
    if _NAME in path:
        request.scope["path_params"] = {**path, _NAME: own_id(caller, path[_NAME])}
    given = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    if any(name == _NAME for name, _ in given):
        own = [(name, own_id(caller, value) if name == _NAME else value) for name, value in given]
        request.scope["query_string"] = urlencode(own).encode()
        # Starlette keeps what it has read, and FastAPI reads the query for each dependency.
        vars(request).pop("_query_params", None)


def user_of(caller: Caller, user_id: str) -> str:
    """The user a body names, as the caller may; `me` is nobody's id but a token's.

    ForbiddenError for another user than that of a token; FaultyInputError for `me` without one.
    """
    if isinstance(caller, TokenUser):
        return own_id(caller, user_id)
    if user_id == ME:
        raise invalid_request([RESERVED_ID])
    return user_id


def check_names_no_others(caller: Caller) -> None:
    """ForbiddenError if the caller has a token, and so may not ask for several users."""
    if isinstance(caller, TokenUser):
        raise ForbiddenError(_OTHERS)


def own_id(caller: TokenUser, user_id: str) -> str:
    """The caller's id, if it was meant; ForbiddenError if not."""
    if user_id not in {ME, caller.user_id}:
        raise ForbiddenError(_OTHERS)
    return caller.user_id
