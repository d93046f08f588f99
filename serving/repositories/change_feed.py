"""Notifications about runs and exclusions, on a connection of their own."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from domain.errors import StoreUnavailableError
from sql.engine import AWAY_ERRORS
from sql.listening import Notification, listen_for_notifications


class ChangeFeed:
    """Notifies of runs that are served or about to be, and of what others recorded of users."""

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url

    async def notifications(self) -> AsyncGenerator[Notification]:
        """All notifications; the first, a promotion, when listening has begun.

        StoreUnavailableError when the connection is lost.
        """
        try:
            async with aclosing(listen_for_notifications(self._database_url)) as notifications:
                async for notification in notifications:
                    yield notification
        except AWAY_ERRORS as error:
            raise StoreUnavailableError from error
