"""/v1/experiments."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from serving.access.acting import FromActor
from serving.access.requirements import may_look_after, may_operate
from serving.experiments.definition import LONGEST_NAME, NAME_PATTERN, Experiment
from serving.experiments.experiment_keeping import ExperimentKeeping
from serving.experiments.experiment_reading import ExperimentReading
from serving.experiments.schemas import (
    AdoptBody,
    ExperimentAnswer,
    ExperimentBody,
    ExperimentsAnswer,
    ExperimentsQuery,
    StopBody,
)
from serving.http.errors import problems_of_request
from serving.http.routing import TandemRoute, provided
from serving.runtime.faults import (
    BodyTooLargeError,
    ExperimentConflictError,
    MalformedBodyError,
    UnknownExperimentError,
)

router = APIRouter(prefix="/v1", tags=["experiments"], route_class=TandemRoute)

FromExperimentKeeping = Annotated[ExperimentKeeping, provided(ExperimentKeeping)]
FromExperimentReading = Annotated[ExperimentReading, provided(ExperimentReading)]
ExperimentId = Annotated[
    str,
    Path(min_length=1, max_length=LONGEST_NAME, pattern=NAME_PATTERN, examples=["more-diversity"]),
]
_CONFLICTS = (UnknownExperimentError, ExperimentConflictError)
_OF_BODY = (MalformedBodyError, BodyTooLargeError)


@router.get("/experiments", dependencies=[may_look_after], responses=problems_of_request())
async def list_experiments(
    query: Annotated[ExperimentsQuery, Query()], experiments: FromExperimentKeeping
) -> ExperimentsAnswer:
    """All experiments, the newest first."""
    return ExperimentsAnswer(experiments=[*await experiments.list(query.state)])


@router.get(
    "/experiments/{experiment_id}",
    dependencies=[may_look_after],
    responses=problems_of_request(UnknownExperimentError),
)
async def find_experiment(
    experiment_id: ExperimentId, experiments: FromExperimentReading
) -> ExperimentAnswer:
    """An experiment with what is known now: intervals that may be looked at at any time.

    Users are counted about once a minute (TANDEM_EXPERIMENT_SECONDS).
    """
    return await experiments.load(experiment_id)


@router.put(
    "/experiments/{experiment_id}",
    dependencies=[may_operate],
    responses=problems_of_request(*_CONFLICTS, *_OF_BODY),
)
async def save_experiment(
    experiment_id: ExperimentId,
    body: ExperimentBody,
    experiments: FromExperimentKeeping,
    actor: FromActor,
) -> Experiment:
    """Save a draft: nobody is in it before it is started, and it cannot be changed after that.

    `revision` is the one you looked at; if somebody saved another meanwhile, a 409 says so.
    """
    return await experiments.save(experiment_id, body.definition, actor, revision=body.revision)


@router.post(
    "/experiments/{experiment_id}/start",
    dependencies=[may_operate],
    responses=problems_of_request(*_CONFLICTS),
)
async def start_experiment(
    experiment_id: ExperimentId, experiments: FromExperimentKeeping, actor: FromActor
) -> Experiment:
    """Start a draft: within a second its users get their arms. Twice is once.

    A 409 says what is in the way: a version that is none, another experiment in its layer.
    """
    return await experiments.start(experiment_id, actor)


@router.post(
    "/experiments/{experiment_id}/stop",
    dependencies=[may_operate],
    responses=problems_of_request(*_CONFLICTS, *_OF_BODY),
)
async def stop_experiment(
    experiment_id: ExperimentId,
    body: StopBody,
    experiments: FromExperimentKeeping,
    actor: FromActor,
) -> Experiment:
    """End an experiment: everybody gets what the placement decides. Twice is once.

    Users whose window is not over do not count.
    """
    return await experiments.stop(experiment_id, actor, because=body.because)


@router.post(
    "/experiments/{experiment_id}/adopt",
    dependencies=[may_operate],
    responses=problems_of_request(*_CONFLICTS, *_OF_BODY),
)
async def adopt_arm(
    experiment_id: ExperimentId,
    body: AdoptBody,
    experiments: FromExperimentKeeping,
    actor: FromActor,
) -> Experiment:
    """End an experiment and decide for its placement as an arm does, in one act.

    The arm's version is saved again as the next one, `adopted_version`. Twice is once.
    """
    return await experiments.adopt(experiment_id, body.arm, actor)
