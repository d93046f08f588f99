"""What a start comes to, in words that need no library."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LoadedSample:
    """How much it was."""

    films: int
    events: int


@dataclass(frozen=True, slots=True)
class FirstRecommendation:
    """Who was recommended what."""

    user_id: str
    titles: list[str]
    url: str


@dataclass(frozen=True, slots=True)
class Welcome:
    """What a person needs to try the running stack."""

    key: str
    key_is_new: bool
    recommendation: FirstRecommendation | None
    seconds: float | None = None
    """From the beginning to that recommendation."""
    admin_path: str | None = None
    """Where the first admin registers; None: there is one, or nobody looks on."""
