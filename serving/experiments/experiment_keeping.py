"""Keeps experiments: saved, started, stopped, and an arm of them adopted."""

from collections.abc import Sequence
from typing import Literal

from domain.errors import InvalidInputError
from serving.access.acting import Actor
from serving.experiments.definition import Experiment, ExperimentDefinition, ExperimentState
from serving.postgres.store import WriteStore
from serving.runtime.faults import ExperimentConflictError, UnknownExperimentError
from sql.shared_settings import ATTRIBUTION_DAYS
from sql.statements import statements

_EXPERIMENTS = statements("experiments")

StoppedPart = Literal["arm", "experiment"]
_STOPPED_BY_HAND = "somebody stopped it"


class ExperimentKeeping:
    """Each act is in the audit log; all processes see it within a second."""

    def __init__(self, store: WriteStore, *, attribution_days: int = ATTRIBUTION_DAYS) -> None:
        self._store = store
        self._attribution_days = attribution_days
        """The window of an experiment that names none."""

    async def list(self, state: ExperimentState | None) -> Sequence[Experiment]:
        """Those in a state (None: in any), the newest first."""
        rows = await self._store.rows(_EXPERIMENTS["list_experiments"], {"state": state})
        return [Experiment.from_row(row) for row in rows]

    async def find(self, experiment_id: str) -> Experiment:
        """One experiment; UnknownExperimentError."""
        parameters = {"experiment_id": experiment_id}
        rows = await self._store.rows(_EXPERIMENTS["find_experiment"], parameters)
        if not rows:
            raise UnknownExperimentError(f"There is no experiment {experiment_id!r}.")
        return Experiment.from_row(rows[0])

    async def save(
        self, experiment_id: str, definition: ExperimentDefinition, actor: Actor, *, revision: int
    ) -> Experiment:
        """Add a draft (`revision` 0), or define one anew that is at this revision.

        What it is already is not saved again. ExperimentConflictError if it is another, or no draft
        any more; UnknownExperimentError if there is none to change.
        """
        name = "add_experiment" if revision == 0 else "change_experiment"
        parameters = {
            "experiment_id": experiment_id,
            "definition": definition.to_stored(experiment_id, self._attribution_days),
            "revision": revision,
            **actor.doing(name.replace("_", " ")),
        }
        rows = await self._store.write(_EXPERIMENTS[name], parameters)
        if rows:
            return Experiment.from_row(rows[0])
        found = await self.find(experiment_id)
        stored = found.definition().to_stored(experiment_id, self._attribution_days)
        if stored == parameters["definition"]:
            return found
        if found.state != "draft":
            raise ExperimentConflictError(
                f"The experiment {experiment_id!r} is {found.state}, and only drafts can be"
                " changed. Make another one."
            )
        raise ExperimentConflictError(
            f"The experiment {experiment_id!r} is at revision {found.revision}, not {revision}:"
            " somebody saved it meanwhile. Look at it again."
        )

    async def start(self, experiment_id: str, actor: Actor) -> Experiment:
        """Start a draft; one that runs stays as it is. UnknownExperimentError.

        ExperimentConflictError if it cannot be, with the reason.
        """
        parameters = {"experiment_id": experiment_id, **actor.doing("start experiment")}
        (row,) = await self._store.write(_EXPERIMENTS["start_experiment"], parameters)
        found = await self.find(experiment_id)
        if row.outcome != "started" and found.state != "running":
            raise ExperimentConflictError(_why_not_started(row.outcome, found))
        return found

    async def stop(
        self, experiment_id: str, actor: Actor, *, because: str = _STOPPED_BY_HAND
    ) -> Experiment:
        """End one that runs; one that was stopped stays as it is. UnknownExperimentError.

        ExperimentConflictError if it was never started.
        """
        parameters = {
            "experiment_id": experiment_id,
            "because": because,
            **actor.doing("stop experiment"),
        }
        await self._store.write(_EXPERIMENTS["stop_experiment"], parameters)
        found = await self.find(experiment_id)
        if found.state == "draft":
            raise ExperimentConflictError(f"The experiment {experiment_id!r} was never started.")
        return found

    async def stop_arm(
        self, experiment_id: str, arm: str, actor: Actor, *, because: str
    ) -> StoppedPart | None:
        """Stop an arm that runs, and the experiment with it if only the control is left.

        What ended; None: nothing, as it had ended before.
        """
        parameters = {
            "experiment_id": experiment_id,
            "arm": arm,
            "because": because,
            **actor.doing("stop arm"),
        }
        (row,) = await self._store.write(_EXPERIMENTS["stop_arm"], parameters)
        stopped: StoppedPart | None = row.stopped
        return stopped

    async def adopt(self, experiment_id: str, arm: str, actor: Actor) -> Experiment:
        """Decide for the placement as an arm does, and end the experiment, in one act.

        Twice is once. UnknownExperimentError; InvalidInputError if there is no such arm, or it has
        no version; ExperimentConflictError if another arm was adopted, this one was stopped, or it
        was never started.
        """
        parameters = {"experiment_id": experiment_id, "arm": arm, **actor.doing("adopt arm")}
        (row,) = await self._store.write(_EXPERIMENTS["adopt_arm"], parameters)
        found = await self.find(experiment_id)
        if row.outcome == "arm":
            names = ", ".join(each.name for each in found.arms if each.version != "popular")
            raise InvalidInputError(f"There is no arm {arm!r} with a version. There are: {names}.")
        if row.outcome == "run":
            raise InvalidInputError(
                f"The arm {arm!r} has the lists of a run, which are no decision for a placement:"
                " stop the experiment, and serve the run with tandem rollback."
            )
        if row.outcome == "stopped":
            raise ExperimentConflictError(await self._why_arm_stopped(found, arm))
        if row.outcome == "placement":
            raise ExperimentConflictError(f"There is no placement {found.placement!r} any more.")
        if found.adopted_arm != arm:
            raise ExperimentConflictError(
                f"The experiment {experiment_id!r} was never started."
                if found.state == "draft"
                else f"The arm {found.adopted_arm!r} of it was adopted before."
            )
        return found

    async def _why_arm_stopped(self, found: Experiment, arm: str) -> str:
        parameters = {"experiment_id": found.experiment_id}
        stopped = await self._store.rows(_EXPERIMENTS["load_stopped_arms"], parameters)
        (because,) = [row.stopped_because for row in stopped if row.arm == arm]
        return (
            f"The arm {arm!r} was stopped ({because}), and is not adopted. To decide so all the"
            f" same, save the placement {found.placement!r} yourself."
        )


def _why_not_started(outcome: str, found: Experiment) -> str:
    name, placement = found.experiment_id, found.placement
    return {
        "state": f"The experiment {name!r} is {found.state}: a draft can be started, once.",
        "placement": f"There is no placement {placement!r}. Save it first.",
        "version": f"An arm has a version that the placement {placement!r} never had.",
        "run": "An arm has a run that is not retained (any more). GET /v1/runs lists runs.",
        "kind": "There is no kind of events among "
        f"{', '.join(map(repr, found.kinds))}, or not for each. GET /v1/event-kinds lists them.",
        "changed": f"Somebody changed {name!r} meanwhile. Look at it, and start it again.",
        "layer": f"Another experiment on {placement!r} is in another layer than {found.layer!r}:"
        " a list can be of one experiment alone. Name its layer.",
        "full": f"The layer {found.layer!r} has no room for another {found.ramp[-1].share:.0%} of"
        " the users. Stop an experiment of it, or let fewer users in.",
    }[outcome]
