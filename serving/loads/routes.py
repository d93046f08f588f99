"""POST, GET and DELETE /v1/loads, with a key of the scope `admin`."""

from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated, Any

from annotated_types import Ge, Le
from fastapi import APIRouter, Path, Query, Request, Response
from starlette.requests import ClientDisconnect

from domain.errors import InvalidInputError
from serving.access.acting import FromActor
from serving.access.requirements import may_operate
from serving.http.errors import body_broken_off, problems_of_request
from serving.http.routing import TandemRoute, provided
from serving.http.values import AS_INTEGER
from serving.loads.schemas import (
    LoadAnswer,
    LoadOptionsQuery,
    LoadQuery,
    LoadsAnswer,
    load_answer,
)
from serving.loads.upload_queue import UploadQueue
from serving.runtime.faults import FileGoneError, NoRoomError, UnknownLoadError

PATH = "/v1/loads"

router = APIRouter(prefix="/v1", tags=["loads"], route_class=TandemRoute)

FromUploadQueue = Annotated[UploadQueue, provided(UploadQueue)]
LoadId = Annotated[int, Ge(1), Le(2**31 - 1), AS_INTEGER, Path(examples=[12])]

_FILE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
_ACCEPTED: dict[int | str, dict[str, Any]] = {
    int(HTTPStatus.ACCEPTED): {"headers": {"Location": {"$ref": "#/components/headers/Location"}}}
}


@router.post(
    "/loads",
    dependencies=[may_operate],
    status_code=HTTPStatus.ACCEPTED,
    responses={**_ACCEPTED, **problems_of_request(NoRoomError)},
    openapi_extra=_FILE,
)
async def create_load(
    request: Request,
    response: Response,
    query: Annotated[LoadQuery, Query()],
    uploads: FromUploadQueue,
) -> LoadAnswer:
    """Load a file of items or events, or an archive of such files: the body is the file itself.

    It is queued once it has come in whole, and a worker loads it; ask for its state at `Location`.
    What was loaded before is not loaded twice, so a file may be sent again after any failure.
    """
    _refuse_forms(request)
    upload = await uploads.add(
        _pieces(request),
        query.filename,
        query.options(),
        is_preview=query.preview,
        uploaded_by=request.state.caller.name,
    )
    response.headers["Location"] = f"{PATH}/{upload.upload_id}"
    return load_answer(upload)


@router.post(
    "/loads/{load_id}/options",
    dependencies=[may_operate],
    status_code=HTTPStatus.ACCEPTED,
    responses=problems_of_request(UnknownLoadError, FileGoneError),
)
async def repeat_load(
    load_id: LoadId, query: Annotated[LoadOptionsQuery, Query()], uploads: FromUploadQueue
) -> LoadAnswer:
    """Load the same file again with these options, without sending it again.

    For a preview, and a load that failed, as one that has a question: within a day after its end.
    All options are given anew.
    """
    upload = await uploads.add_again(load_id, query.options(), is_preview=query.preview)
    return load_answer(upload)


@router.get("/loads", dependencies=[may_operate], responses=problems_of_request())
async def list_loads(uploads: FromUploadQueue) -> LoadsAnswer:
    """The newest hundred loads over HTTP, newest first."""
    return LoadsAnswer(loads=[load_answer(upload) for upload in await uploads.list()])


@router.get(
    "/loads/{load_id}",
    dependencies=[may_operate],
    responses=problems_of_request(UnknownLoadError),
)
async def find_load(load_id: LoadId, uploads: FromUploadQueue) -> LoadAnswer:
    """The state of a load, and its report, its preview, or its error with what is asked."""
    return load_answer(await uploads.find(load_id))


@router.delete(
    "/loads/{load_id}",
    dependencies=[may_operate],
    status_code=HTTPStatus.ACCEPTED,
    responses=problems_of_request(UnknownLoadError),
)
async def undo_load(load_id: LoadId, uploads: FromUploadQueue, actor: FromActor) -> LoadAnswer:
    """Take back what a load added; one that is under way is stopped first. Harmless twice.

    The worker does it: the load is `undoing`, and then `undone`.
    """
    return load_answer(await uploads.undo(load_id, actor))


def _refuse_forms(request: Request) -> None:
    if request.headers.get("content-type", "").lower().startswith("multipart/"):
        raise InvalidInputError(
            "The body is a form. Send the file itself as the body, as"
            " `curl --data-binary @events.csv` does, and its name as filename=events.csv."
        )


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    try:
        async for piece in request.stream():
            yield piece
    except ClientDisconnect as error:
        raise body_broken_off() from error
