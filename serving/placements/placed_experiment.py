"""A running experiment with what each of its arms decides."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from domain.identifiers import UserId
from serving.experiments.assignment import Arm, RampStep, RunningExperiment
from serving.placements.definition import PlacementDefinition
from serving.placements.placement import Placement


@dataclass(frozen=True, slots=True)
class PlacedExperiment:
    """`placements`: what is decided for the users of each arm, by its name.

    The users of an arm that was stopped get what the control decides, and are in no experiment.
    """

    experiment: RunningExperiment
    placements: Mapping[str, Placement]

    def placement_of(self, user_id: UserId, at: datetime | None = None) -> Placement | None:
        """What is decided for a user at a time (None: now); None: the user is not in it."""
        arm = self.experiment.arm_of(user_id, at or datetime.now(UTC))
        return None if arm is None else self.placements[arm.name]

    @classmethod
    def of(cls, stored: Mapping[str, Any], in_force: Placement) -> "PlacedExperiment":
        """As it is stored; who gets the popular list gets all else as it is `in_force`."""
        experiment_id = stored["experiment_id"]
        arms = tuple(Arm(arm["name"], arm["share"], arm["version"]) for arm in stored["arms"])
        placements = {}
        for arm, said in zip(arms, stored["arms"], strict=True):
            decided = in_force
            if arm.version is not None:
                definition = PlacementDefinition.model_validate(said["definition"])
                decided = replace(in_force, version=arm.version, definition=definition)
            placements[arm.name] = replace(
                decided,
                experiment_id=experiment_id,
                arm=arm.name,
                is_popular=arm.version is None,
                run_id=said.get("run_id"),
            )
        control = placements[arms[0].name]
        for arm, said in zip(arms, stored["arms"], strict=True):
            if said["stopped"]:
                # Nobody comes into it any more, and whoever was counts no further.
                placements[arm.name] = replace(control, experiment_id=None, arm=None)
        return cls(
            RunningExperiment(
                experiment_id=experiment_id,
                placement=stored["placement"],
                layer=stored["layer"],
                layer_from=stored["layer_from"],
                salt=stored["salt"],
                ramp=tuple(RampStep(step["days"], step["share"]) for step in stored["ramp"]),
                arms=arms,
                started_at=datetime.fromisoformat(stored["started_at"]),
                ends_at=(datetime.fromisoformat(stored["ends_at"]) if stored["ends_at"] else None),
            ),
            placements,
        )
