"""The page to import files on: dropped, previewed, loaded, taken back.

A file itself goes to `POST /v1/loads`, whose gate for large bodies is made for that.
"""

from typing import Annotated, Any

from annotated_types import Ge, Le
from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field, Json

from serving.access.acting import FromActor
from serving.console.page_routing import ConsoleRoute
from serving.console.pages import FromPages, Pages
from serving.console.requirements import may_change_runs, may_load_catalogue
from serving.http.routing import provided
from serving.http.values import AS_INTEGER
from serving.loads.schemas import LoadAnswer, LoadOptionsQuery, load_answer
from serving.loads.upload_queue import UploadQueue

router = APIRouter(include_in_schema=False, route_class=ConsoleRoute)

FromUploadQueue = Annotated[UploadQueue, provided(UploadQueue)]
LoadNumber = Annotated[int, Ge(1), Le(2**31 - 1), AS_INTEGER, Path()]

_NEWEST = 12
_UNDER_WAY = frozenset({"queued", "running", "interrupted", "undoing"})


class AgainBody(BaseModel):
    """How a file is loaded that was sent before."""

    model_config = ConfigDict(extra="forbid")

    parameters: Json[dict[str, list[str]]] = Field("{}", validate_default=True)
    """What was asked and is answered, as parameters of a load have it; JSON, as htmx nests none."""
    preview: bool = False


@router.get("/console/import", dependencies=[may_load_catalogue])
async def import_page(pages: FromPages, uploads: FromUploadQueue) -> Response:
    """Where files are dropped, and the newest loads."""
    newest = (await uploads.list())[:_NEWEST]
    loads = [load_answer(upload) for upload in newest]
    return pages.page("import.html", loads=loads, under_way=_UNDER_WAY)


@router.get("/console/loads/{load_id}", dependencies=[may_load_catalogue])
async def load_state(pages: FromPages, uploads: FromUploadQueue, load_id: LoadNumber) -> Response:
    """What became of a load by now; it asks again by itself while it is under way."""
    return _shown(pages, load_answer(await uploads.find(load_id)))


@router.post("/console/loads/{load_id}/again", dependencies=[may_change_runs])
async def load_again(
    pages: FromPages, uploads: FromUploadQueue, load_id: LoadNumber, body: AgainBody
) -> Response:
    """Load the file of a preview, or with an answer to what a load asked."""
    before = load_answer(await uploads.find(load_id))
    given = LoadOptionsQuery.model_validate({**before.options, **_options(body.parameters)})
    upload = await uploads.add_again(load_id, given.options(), is_preview=body.preview)
    return _shown(pages, load_answer(upload))


@router.post("/console/loads/{load_id}/undo", dependencies=[may_change_runs])
async def take_load_back(
    pages: FromPages, uploads: FromUploadQueue, actor: FromActor, load_id: LoadNumber
) -> Response:
    """Stop a load, and have what it added taken back."""
    return _shown(pages, load_answer(await uploads.undo(load_id, actor)))


def _options(parameters: dict[str, list[str]]) -> dict[str, Any]:
    """As the query of a load has them: what may be repeated is a list."""
    repeated = {"columns", "map_kind", "attributes"}
    return {name: values if name in repeated else values[-1] for name, values in parameters.items()}


def _shown(pages: Pages, load: LoadAnswer) -> Response:
    return pages.page("load.html", load=load, under_way=_UNDER_WAY)
