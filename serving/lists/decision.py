"""What was decided for the place in an app where a list is shown."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from domain.identifiers import RunId

Fallback = Literal["popular", "trending", "latest"]


@dataclass(frozen=True, slots=True)
class Decision:
    """Which placement a list is for, and what it says beside the parameters of the request."""

    placement: str
    version: int
    """0: nothing was decided for it, and the settings hold."""
    everywhere_version: int = 0
    """Of what holds in every placement; 0: there is nothing."""
    experiment_id: str | None = None
    arm: str | None = None
    """Of the experiment."""
    is_popular: bool = False
    """Whether its users get the popular list, whatever is known of them."""
    run_id: RunId | None = None
    """The run of the nightly list; None: the served one."""
    fallback: Fallback | None = None
    """The list for users of whom nothing is known; None: what is popular."""
    keeps_impressions: bool = True
    context: Mapping[str, str] = field(default_factory=dict, compare=False)
    """What the request says of where the list is shown: kept with it, and no part of `key`."""
    adds_context: bool = field(default=True, compare=False)
    """Whether it is kept though nobody has said it before: not if an end user says it."""

    def key(self) -> str:
        """What tells its lists from those of all others."""
        experiment = f"{self.experiment_id} {self.arm}" if self.experiment_id else ""
        other = " popular" if self.is_popular else f" {self.run_id}" if self.run_id else ""
        return f"{self.placement} {self.version} {self.everywhere_version} {experiment}{other}"
