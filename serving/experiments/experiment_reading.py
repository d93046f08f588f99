"""Reads what was counted of an experiment."""

from datetime import UTC, datetime

from serving.experiments.definition import Experiment
from serving.experiments.experiment_figures import Counted, experiment_answer
from serving.experiments.experiment_keeping import ExperimentKeeping
from serving.experiments.schemas import ExperimentAnswer
from serving.postgres.store import ReadStore
from sql.statements import statements

_EXPERIMENTS = statements("experiments")


class ExperimentReading:
    """Figures as they were counted last, a minute ago or so."""

    def __init__(self, store: ReadStore, keeping: ExperimentKeeping) -> None:
        self._store = store
        self._keeping = keeping

    async def load(self, experiment_id: str) -> ExperimentAnswer:
        """An experiment with all that is known; UnknownExperimentError."""
        experiment = await self._keeping.find(experiment_id)
        return experiment_answer(experiment, await self.counted(experiment), datetime.now(UTC))

    async def counted(self, experiment: Experiment) -> Counted:
        """What was counted of it."""
        parameters = {"experiment_id": experiment.experiment_id}
        days, strata, exposed, items, stopped = [
            await self._store.rows(_EXPERIMENTS[name], parameters)
            for name in (
                "load_experiment_days",
                "load_experiment_strata",
                "count_exposed",
                "count_experiment_items",
                "load_stopped_arms",
            )
        ]
        return Counted(
            days=days,
            strata=strata,
            exposed={(row.arm, row.stratum): row.users for row in exposed},
            items={row.arm: row.items for row in items},
            stopped={row.arm: row for row in stopped},
            catalogue=max((row.catalogue for row in items), default=0),
        )
