"""For operators, with a key of the scope admin: performance, refresh, runs and settings."""

from http import HTTPStatus
from typing import Annotated, Any

from annotated_types import Ge, Le
from fastapi import APIRouter, Path, Query, Request, Response

from domain.errors import RollbackRefusedError, UnknownRunError, UnknownUserError
from domain.identifiers import UserId
from serving.access.acting import FromActor
from serving.access.requirements import may_look_after, may_operate
from serving.administration.answer_refresh import AnswerRefresh
from serving.administration.recent_performance import load_recent_performance
from serving.administration.run_keeping import Outcome, RunKeeping
from serving.administration.schemas import (
    GREATEST_RUN,
    ModelRunAnswer,
    ModelRunsAnswer,
    PerformanceAnswer,
    RefreshBody,
    RefreshedAnswer,
    RunsQuery,
    ServedRunAnswer,
    SettingAnswer,
    SettingsAnswer,
    WholeModelRunAnswer,
    window_performance,
)
from serving.administration.settings_in_force import SettingsReader
from serving.http.errors import problems_of_request
from serving.http.routing import TandemRoute, provided
from serving.http.values import AS_INTEGER
from serving.runtime.faults import BodyTooLargeError, MalformedBodyError
from serving.runtime.performance import WINDOWS_MINUTES
from serving.server.figures import Figures

router = APIRouter(prefix="/v1/admin", tags=["operation"], route_class=TandemRoute)

FromRunKeeping = Annotated[RunKeeping, provided(RunKeeping)]
FromAnswerRefresh = Annotated[AnswerRefresh, provided(AnswerRefresh)]
FromSettingsReader = Annotated[SettingsReader, provided(SettingsReader)]

RunNumber = Annotated[int, Ge(1), Le(GREATEST_RUN), AS_INTEGER, Path(examples=[12])]

_SERVED: dict[int | str, dict[str, Any]] = {
    int(HTTPStatus.ACCEPTED): {
        "model": ServedRunAnswer,
        "description": "What users did since is still being folded into the run.",
    }
}


@router.get("/performance", dependencies=[may_look_after], responses=problems_of_request())
async def performance(request: Request) -> PerformanceAnswer:
    """How quick each route was in the last 1, 5 and 15 minutes, and how often the cache had it.

    Of all processes that answer here. Percentiles are up to an eighth above the true ones.
    """
    figures: Figures = request.state.figures
    found = await load_recent_performance(figures)
    return PerformanceAnswer(
        processes=found.processes,
        answering=found.answering,
        windows=[
            window_performance(minutes, window)
            for minutes, window in zip(WINDOWS_MINUTES, found.windows, strict=True)
        ],
    )


@router.post(
    "/refresh",
    dependencies=[may_operate],
    responses=problems_of_request(UnknownUserError, MalformedBodyError, BodyTooLargeError),
)
async def refresh_answers(
    body: RefreshBody, answer_refresh: FromAnswerRefresh, actor: FromActor
) -> RefreshedAnswer:
    """Make a user's lists anew, or with `{}` everybody's: no cached answer counts any more.

    In all processes, at once. Needed only where something was changed behind Tandem's back.
    """
    user_id = None if body.user_id is None else UserId(body.user_id)
    return RefreshedAnswer.model_validate(await answer_refresh.refresh(user_id, actor))


@router.get("/runs", dependencies=[may_look_after], responses=problems_of_request())
async def list_runs(
    query: Annotated[RunsQuery, Query()], run_keeping: FromRunKeeping
) -> ModelRunsAnswer:
    """The model runs, newest first: what each night made, and which is served."""
    found = await run_keeping.list(limit=query.limit + 1, before=query.before)
    runs = [ModelRunAnswer.model_validate(run) for run in found[: query.limit]]
    return ModelRunsAnswer(runs=runs, next=runs[-1].run_id if len(found) > len(runs) else None)


@router.get(
    "/runs/{run_id:run}",
    dependencies=[may_look_after],
    responses=problems_of_request(UnknownRunError),
)
async def find_model_run(run_id: RunNumber, run_keeping: FromRunKeeping) -> WholeModelRunAnswer:
    """One model run with everything measured, what it was made with and what its steps took."""
    return WholeModelRunAnswer.model_validate(await run_keeping.load(run_id))


@router.post(
    "/runs/rollback",
    dependencies=[may_operate],
    responses={**_SERVED, **problems_of_request(RollbackRefusedError)},
)
async def roll_back_run(
    run_keeping: FromRunKeeping, actor: FromActor, response: Response
) -> ServedRunAnswer:
    """Serve the newest retained run that is older than the one being served.

    Nothing is learned again or lost: what users did since counts in it too. The run served until
    now stays retained. Refused with 409 where there is none.
    """
    run_id, outcome = await run_keeping.roll_back(actor)
    return _served(run_id, outcome, response)


@router.post(
    "/runs/{run_id}/publish",
    dependencies=[may_operate],
    responses={**_SERVED, **problems_of_request(UnknownRunError, RollbackRefusedError)},
)
async def publish_run(
    run_id: RunNumber, run_keeping: FromRunKeeping, actor: FromActor, response: Response
) -> ServedRunAnswer:
    """Serve a retained run, an older or a newer one, as `tandem rollback` does.

    A run that was refused, failed or is no longer retained cannot be served: a 409 says why, and
    which can. A night publishes its run by itself.
    """
    return _served(run_id, await run_keeping.publish(run_id, actor), response)


def _served(run_id: int, outcome: Outcome, response: Response) -> ServedRunAnswer:
    if outcome == "under_way":
        response.status_code = HTTPStatus.ACCEPTED
    return ServedRunAnswer(run_id=run_id, outcome=outcome)


@router.get("/settings", dependencies=[may_look_after], responses=problems_of_request())
async def list_settings(settings: FromSettingsReader) -> SettingsAnswer:
    """The settings in force in the process that answers, and where each comes from.

    Secrets are masked. They are read at the start: changing one needs a restart.
    """
    found = settings.list()
    return SettingsAnswer(settings=[SettingAnswer.model_validate(setting) for setting in found])
