"""The numbers of rating scales, kept at hand."""

from collections.abc import Iterable, Mapping

from domain.identifiers import ScaleNo
from domain.interactions import Scale
from serving.events.event_log import Events


class Scales:
    """Numbers of the scales that ratings came on so far; none of them ever changes."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._numbers: dict[Scale, ScaleNo] = {}

    async def including(self, scales: Iterable[Scale]) -> Mapping[Scale, ScaleNo]:
        """All numbers; a scale that is new is added first, and absent if there are too many."""
        new = set(scales) - self._numbers.keys()
        if new:
            self._numbers.update(await self._events.add_scales(new))
        return self._numbers
