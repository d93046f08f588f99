"""Undoing events: what the user took back no longer counts."""

from domain.errors import UnknownEventError
from domain.identifiers import event_uuid
from serving.exclusions.exclusion_warming import ExclusionWarmer
from serving.redis.answers import Answers
from serving.repositories.events import DeletedEvent, Events


class EventUndoer:
    """Deletes events."""

    def __init__(
        self,
        *,
        events: Events,
        answers: Answers,
        exclusion_warmer: ExclusionWarmer,
    ) -> None:
        self._events = events
        self._answers = answers
        self._exclusion_warmer = exclusion_warmer

    async def undo(self, event_id: str) -> DeletedEvent:
        """Delete an event; when this returns no answer knows it but by the run's lists.

        Harmless twice. UnknownEventError if no such event was ever received.
        """
        deleted = await self._events.delete_event(event_uuid(event_id))
        if deleted is None:
            raise UnknownEventError(
                f"There is no event {event_id!r}. Nothing was deleted, and it will count if it is"
                " sent from now on."
            )
        # The second time too: whoever was first may have died before doing this.
        if deleted.owner is not None:
            await self._answers.drop([deleted.owner.user_no])
            await self._exclusion_warmer.reload(deleted.owner.user_no, deleted.owner.user_id)
        return deleted
