"""News of switches and of exclusions, on a connection of their own."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from domain.errors import StoreUnavailableError
from sql.engine import AWAY_ERRORS
from sql.listening import listen_to_news


class Switches:
    """Tells when another run is served, and what other processes tell of users."""

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url

    async def news(self) -> AsyncGenerator[str | None]:
        """What is told of exclusions; None when listening has begun or there may be another run.

        StoreUnavailableError when the connection is lost.
        """
        try:
            async with aclosing(listen_to_news(self._database_url)) as news:
                async for told in news:
                    yield told
        except AWAY_ERRORS as error:
            raise StoreUnavailableError from error
