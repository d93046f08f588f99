"""How a request wants the sources weighed, where it is not to be as the settings say."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from domain.blend import BlendPolicy, Policy


@dataclass(frozen=True, slots=True)
class GivenWeights(BlendPolicy):
    """A policy whose weights a request has given: the same for every user."""

    given: Mapping[str, float] = field(default_factory=dict)
    """By source; a source that is not named is not asked."""

    def weights(self, events_since_cut_off: int) -> dict[str, float]:
        """See `BlendPolicy`."""
        del events_since_cut_off
        return dict(self.given)


@dataclass(frozen=True, slots=True)
class AskedBlend:
    """What a request says of the blend; empty: as the settings say."""

    weights: tuple[tuple[str, float], ...] = ()
    """By source; above 0, and in order of name."""
    policy: Policy | None = None
    sharpness: float | None = None

    def applied(self, policy: BlendPolicy, learned: BlendPolicy | None) -> BlendPolicy:
        """The policy of the settings and of the run, with what the request says instead."""
        if self == AS_SET:
            return policy.resolved(learned)
        asked = policy if self.policy is None else replace(policy, policy=self.policy)
        found = asked.resolved(learned)
        sharpness = found.sharpness if self.sharpness is None else self.sharpness
        if not self.weights:
            return replace(found, sharpness=sharpness)
        return GivenWeights("fixed", sharpness=sharpness, given=dict(self.weights))

    def asks(self, source: str) -> bool:
        """Whether a source is asked, as far as the request says."""
        return not self.weights or any(name == source for name, _ in self.weights)

    def over(self, lower: "AskedBlend") -> "AskedBlend":
        """The same with what `lower` says where this says nothing.

        Weights and a policy are two ways to say the same, so whoever says one says both.
        """
        weighs = bool(self.weights) or self.policy is not None
        return AskedBlend(
            self.weights if weighs else lower.weights,
            self.policy if weighs else lower.policy,
            lower.sharpness if self.sharpness is None else self.sharpness,
        )

    def key(self) -> str:
        """What tells it from all others; empty if it says nothing."""
        return "" if self == AS_SET else f"{self.weights}{self.policy}{self.sharpness}"


AS_SET = AskedBlend()
