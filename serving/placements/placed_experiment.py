"""A running experiment with what each of its arms decides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from domain.identifiers import UserId
from serving.experiments.assignment import Arm, EarlierArms, RampStep, RunningExperiment
from serving.placements.definition import PlacementDefinition
from serving.placements.placement import Placement


@dataclass(frozen=True, slots=True)
class StoppedArm:
    """What was decided for the users of an arm until it was stopped."""

    stopped_at: datetime
    placement: Placement


@dataclass(frozen=True, slots=True)
class PlacedExperiment:
    """`placements`: what is decided now for the users of each arm, by its name.

    The users of an arm that was `stopped` get what the control decides, and are in no experiment.
    """

    experiment: RunningExperiment
    placements: Mapping[str, Placement]
    stopped: Mapping[str, StoppedArm]

    def placement_of(self, user_id: UserId, at: datetime | None = None) -> Placement | None:
        """What is decided for a user at a time (None: now); None: the user is not in it.

        `at` is within the last week or so: earlier shares are not known here.
        """
        arm = self.experiment.arm_of(user_id, at or datetime.now(UTC))
        if arm is None:
            return None
        stopped = self.stopped.get(arm.name)
        if at is not None and stopped is not None and at < stopped.stopped_at:
            return stopped.placement
        return self.placements[arm.name]

    @classmethod
    def of(cls, stored: Mapping[str, Any], in_force: Placement) -> "PlacedExperiment":
        """As it is stored; who gets the popular list gets all else as it is `in_force`."""
        *earlier, last = stored["strata"]
        arms = _arms(stored, last["shares"])
        placements = {
            arm["name"]: _decided(arm, stored["experiment_id"], in_force) for arm in stored["arms"]
        }
        stopped = {
            arm["name"]: StoppedArm(
                datetime.fromisoformat(arm["stopped_at"]), placements[arm["name"]]
            )
            for arm in stored["arms"]
            if arm["stopped_at"] is not None
        }
        # Nobody comes into it any more, and whoever was counts no further.
        outside = replace(placements[arms[0].name], experiment_id=None, arm=None)
        return cls(
            RunningExperiment(
                experiment_id=stored["experiment_id"],
                placement=stored["placement"],
                layer=stored["layer"],
                layer_from=stored["layer_from"],
                salt=stored["salt"],
                ramp=tuple(RampStep(step["days"], step["share"]) for step in stored["ramp"]),
                arms=arms,
                started_at=datetime.fromisoformat(stored["started_at"]),
                ends_at=(datetime.fromisoformat(stored["ends_at"]) if stored["ends_at"] else None),
                earlier=tuple(
                    EarlierArms(
                        datetime.fromisoformat(held["until"]), _arms(stored, held["shares"])
                    )
                    for held in earlier
                ),
            ),
            {**placements, **dict.fromkeys(stopped, outside)},
            stopped,
        )


def _arms(stored: Mapping[str, Any], shares: Sequence[float]) -> tuple[Arm, ...]:
    return tuple(
        Arm(arm["name"], share, arm["version"])
        for arm, share in zip(stored["arms"], shares, strict=True)
    )


def _decided(arm: Mapping[str, Any], experiment_id: str, in_force: Placement) -> Placement:
    """What an arm decides that is not stopped."""
    decided = in_force
    if arm["version"] is not None:
        definition = PlacementDefinition.model_validate(arm["definition"])
        decided = replace(in_force, version=arm["version"], definition=definition)
    return replace(
        decided,
        experiment_id=experiment_id,
        arm=arm["name"],
        is_popular=arm["version"] is None,
        run_id=arm["run_id"],
    )
