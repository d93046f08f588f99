"""Counts what became of the users of experiments, and acts on it where that was asked for."""

from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta

import structlog

from serving.access.acting import Actor
from serving.experiments.automatic import harms, moved_shares
from serving.experiments.definition import Experiment
from serving.experiments.experiment_figures import Counted
from serving.experiments.experiment_keeping import ExperimentKeeping
from serving.experiments.experiment_reading import ExperimentReading
from serving.postgres.store import WriteStore
from serving.runtime.budget import Budget, spending
from sql.statements import as_real_array, statements

log = structlog.get_logger()

_EXPERIMENTS = statements("experiments")
_USERS_AT_ONCE = 500
_GRACE_SECONDS = 900.0
"""Events that come so much late still count."""
_STEP = timedelta(days=1)
"""How often shares move."""
_ITSELF = Actor("the experiment itself", None)


class ExperimentCounting:
    """Each statement is short and counts users once, in whichever process it is done first."""

    def __init__(
        self,
        store: WriteStore,
        keeping: ExperimentKeeping,
        reading: ExperimentReading,
        *,
        seconds: float,
    ) -> None:
        self._store = store
        self._keeping = keeping
        self._reading = reading
        self._seconds = seconds
        """For one statement."""

    async def count(self) -> None:
        """Count all that is due; StoreUnavailableError: the next turn goes on."""
        for row in await self._store.rows(_EXPERIMENTS["find_counted"]):
            await self._complete_users(row.experiment_id)
            await self._note_items(row.experiment_id)
            experiment = await self._keeping.find(row.experiment_id)
            if experiment.state == "running":
                await self._act(experiment)

    async def _complete_users(self, experiment_id: str) -> None:
        parameters = {
            "experiment_id": experiment_id,
            "most": _USERS_AT_ONCE,
            "grace_seconds": _GRACE_SECONDS,
        }
        users = _USERS_AT_ONCE
        while users >= _USERS_AT_ONCE:
            with self._time():
                statement = _EXPERIMENTS["complete_users"]
                ((users,),) = await self._store.write(statement, parameters)

    async def _note_items(self, experiment_id: str) -> None:
        parameters = {"experiment_id": experiment_id}
        has_more = True
        while has_more:
            with self._time():
                rows = await self._store.write(_EXPERIMENTS["note_items"], parameters)
            # No row: another process is at it.
            has_more = bool(rows) and rows[0].has_more

    def _time(self) -> AbstractContextManager[None]:
        """Whoever waits for something to be read or written by this service comes before."""
        return spending(Budget.of("writes", self._seconds, counts_as_failure=False))

    async def _act(self, experiment: Experiment) -> None:
        now = datetime.now(UTC)
        if experiment.ends_at is not None and now >= experiment.ends_at:
            await self._stop(experiment, "its time was over")
            return
        if not experiment.guardrails and not experiment.automatic:
            return
        counted = await self._reading.counted(experiment)
        harmful = harms(experiment, counted)
        for arm, because in harmful.items():
            await self._stop_arm(experiment, arm, because)
        if experiment.automatic and not harmful:
            await self._move_shares(experiment, counted, now)

    async def _stop(self, experiment: Experiment, because: str) -> None:
        log.info("experiment_stopped", experiment_id=experiment.experiment_id, because=because)
        await self._keeping.stop(experiment.experiment_id, _ITSELF, because=because)

    async def _stop_arm(self, experiment: Experiment, arm: str, because: str) -> None:
        experiment_id = experiment.experiment_id
        stopped = await self._keeping.stop_arm(experiment_id, arm, _ITSELF, because=because)
        if stopped is not None:
            log.info(
                "experiment_arm_stopped",
                experiment_id=experiment_id,
                arm=arm,
                because=because,
                ended=stopped,
            )

    async def _move_shares(self, experiment: Experiment, counted: Counted, now: datetime) -> None:
        last = counted.strata[-1]
        if now < last.since + _STEP:
            return
        moved = moved_shares(experiment, counted, last.shares)
        parameters = {
            "experiment_id": experiment.experiment_id,
            "stratum": last.stratum,
            "shares": as_real_array(moved),
        }
        await self._store.write(_EXPERIMENTS["add_stratum"], parameters)
