"""Events out of the log: one by its id, or all that a question finds."""

from dataclasses import dataclass

from domain.errors import StoreUnavailableError, UnknownEventError
from domain.identifiers import UserId
from serving.events.event_log import DeletedEvent, Events
from serving.events.kinds import Kinds
from serving.events.new_events import stored_id
from serving.events.schemas import DeletedEventsQuery
from serving.exclusions.exclusion_warming import ExclusionWarmer
from serving.redis.answers import Answers
from serving.runtime.budget import ask_without_blame
from serving.runtime.faults import Fault, invalid_request


@dataclass(eq=False, slots=True, kw_only=True)
class EventUndoer:
    """Deletes events."""

    events: Events
    kinds: Kinds
    answers: Answers
    exclusion_warmer: ExclusionWarmer

    async def undo(self, event_id: str, *, of_user: UserId | None = None) -> DeletedEvent:
        """Delete an event; when this returns no answer knows it but by the run's lists.

        Harmless twice. UnknownEventError if no such event was ever received. `of_user`: whose
        device had sent it; None: an app.
        """
        deleted = await self.events.delete_event(stored_id(event_id, of_user))
        if deleted is None:
            raise UnknownEventError(
                f"There is no event {event_id!r}. Nothing was deleted, and it will count if it is"
                " sent from now on."
            )
        # The second time too: whoever was first may have died before doing this.
        if deleted.owner is not None:
            await self.answers.drop([deleted.owner.user_no])
            owner = deleted.owner
            await self.exclusion_warmer.reload({owner.user_no: owner.user_id})
        return deleted

    async def undo_many(self, query: DeletedEventsQuery) -> int:
        """Delete the events that a question finds, up to its limit; how many it were.

        FaultyInputError for one that names neither a user, nor an item, nor both times, or an
        unknown kind. Harmless twice: what was deleted is not found again.
        """
        bounds = query.bounds()
        if bounds["user_id"] is None and bounds["item_id"] is None:
            for name in ("from", "to"):
                if bounds[f"{name}_at"] is None:
                    detail = "Give user_id or item_id, or both from and to."
                    raise invalid_request([Fault(f"query:{name}", detail)])
        await self.kinds.check(query.kind)
        # How much of the log that goes through, and how many users' other items it concerns, is up
        # to whoever asks.
        ask_without_blame()
        try:
            deleted, owners = await self.events.delete_events(bounds, most=query.limit)
        except StoreUnavailableError as error:
            if error.reason != "timeout":
                raise
            detail = "There was no time for so many events. Ask for fewer: by a smaller limit, a"
            detail += " shorter time, or those of one user or item."
            raise StoreUnavailableError(detail, reason="timeout") from error
        if owners:
            await self.answers.drop(list(owners))
            await self.exclusion_warmer.reload(owners)
        return deleted
