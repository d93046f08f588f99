"""Which arm of which experiment a user is in: computed from the user's id, and kept nowhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256


@dataclass(frozen=True, slots=True)
class Arm:
    """What some of the users get: a version of the placement, or (None) the popular list.

    `share`: of the users in the experiment, above 0; those of all arms sum to 1.
    """

    name: str
    share: float
    version: int | None


@dataclass(frozen=True, slots=True)
class EarlierArms:
    """The arms with the shares that were in force before `until`."""

    until: datetime
    arms: tuple[Arm, ...]


@dataclass(frozen=True, slots=True)
class RampStep:
    """From so many days after the start, this share of all users is in the experiment."""

    days: float
    share: float


@dataclass(frozen=True, slots=True)
class RunningExperiment:
    """An experiment as requests need it.

    Experiments of one `layer` exclude one another: each has the users of a part of the layer, which
    begins at `layer_from` and is as long as the last step of the ramp. `ramp` has at least one
    step; days and shares rise, and the first step has 0 days. `arms` have the shares of now.
    `ends_at`: None, or from when on nobody is in it. `earlier`: shares of before, in the order of
    time; there are some if shares follow the evidence.
    """

    experiment_id: str
    placement: str
    layer: str
    layer_from: float
    salt: str
    ramp: tuple[RampStep, ...]
    arms: tuple[Arm, ...]
    started_at: datetime
    ends_at: datetime | None = None
    earlier: tuple[EarlierArms, ...] = ()

    def share_at(self, now: datetime) -> float:
        """The share of all users who are in it: 0 before the start and from the end on."""
        if self.ends_at is not None and now >= self.ends_at:
            return 0.0
        reached = [
            step.share for step in self.ramp if now >= self.started_at + timedelta(days=step.days)
        ]
        return reached[-1] if reached else 0.0

    def arm_of(self, user_id: str, at: datetime) -> Arm | None:
        """The arm of a user at a time; None: the user is not in it then.

        A user who is in it stays in the same arm when more users come in.
        """
        place = point(f"layer/{self.layer}", user_id) - self.layer_from
        if not 0 <= place < self.share_at(at):
            return None
        arms = next((held.arms for held in self.earlier if at < held.until), self.arms)
        return arm_at(arms, point(self.salt, user_id))


def point(salt: str, user_id: str) -> float:
    """Where a user is between 0 and 1 (not 1 itself): the same for ever, and uniform over users.

    Points by different salts have nothing to do with each other. No two pairs of salt and id are
    written alike, as a salt has no colon.
    """
    digest = sha256(f"{salt}:{user_id}".encode()).digest()
    # A float holds 53 bits.
    return (int.from_bytes(digest[:8]) >> 11) / 2**53


def arm_at(arms: Sequence[Arm], place: float) -> Arm:
    """The arm that has this place, in [0, 1), of the arms laid end to end."""
    reached = 0.0
    for arm in arms:
        reached += arm.share
        if place < reached:
            return arm
    # Shares may sum to a little less than 1.
    return arms[-1]
