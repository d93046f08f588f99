"""For whoever runs the service, with a key of the scope admin: GET /v1/admin/diagnose."""

from fastapi import APIRouter

from domain.errors import ForbiddenError, StoreUnavailableError, UnauthenticatedError
from serving.access.requirements import FromServices, may_administer
from serving.http.errors import problem_responses
from serving.http.routing import TandemRoute
from serving.schemas.diagnosis import DiagnosisAnswer

router = APIRouter(prefix="/v1/admin", tags=["operation"], route_class=TandemRoute)


@router.get(
    "/diagnose",
    dependencies=[may_administer],
    responses=problem_responses(UnauthenticatedError, ForbiddenError, StoreUnavailableError),
)
async def diagnose(services: FromServices) -> DiagnosisAnswer:
    """What is wrong, since when, and what to do about it.

    A dependency that is away is a finding, and the answer is still 200. (503: PostgreSQL is away
    and this process does not know the key.)
    """
    return DiagnosisAnswer.model_validate(await services.diagnoser.diagnose())
