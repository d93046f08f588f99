"""The loop from topics into the log: one batch is checked while the one before it is written."""

import asyncio

from serving.kafka.messages import TopicMessage
from serving.kafka.recording import CheckedMessages, TopicRecorder, ends_of
from serving.kafka.topics import TopicReader
from serving.runtime.tasks import end

_LEAVING_SECONDS = 2.0
"""Who reads may wait for PostgreSQL: then the group is not left but finds that out itself."""


class TopicWorker:
    """Reads until it is cancelled. Whatever it was at then is read again, and counts once."""

    def __init__(self, reader: TopicReader, recorder: TopicRecorder) -> None:
        self._reader = reader
        self._recorder = recorder
        self._writing: asyncio.Task[None] | None = None
        self._written: dict[tuple[str, str, int], int] = {}
        """What is recorded and made known, but not yet stored as known."""

    async def run(self) -> None:
        """Join the group, and leave it at the end."""
        reading: asyncio.Task[list[TopicMessage]] | None = None
        try:
            self._reader.begin()
            while True:
                reading = asyncio.create_task(asyncio.to_thread(self._reader.read))
                messages = await asyncio.shield(reading)
                if messages:
                    await self._take(messages)
                else:
                    await self._settle()
        finally:
            await self._leave(reading)

    async def _leave(self, reading: asyncio.Task[list[TopicMessage]] | None) -> None:
        if self._writing is not None:
            await end(self._writing)
        if reading is None or (await asyncio.wait({reading}, timeout=_LEAVING_SECONDS))[0]:
            await asyncio.to_thread(self._reader.close)

    async def _take(self, messages: list[TopicMessage]) -> None:
        checked = await self._recorder.check(messages)
        await self._end_writing()
        self._writing = asyncio.create_task(self._write(checked))

    async def _settle(self) -> None:
        """Nothing comes just now."""
        await self._end_writing()
        if self._written:
            await self._recorder.store_known(self._written)
            self._written = {}

    async def _end_writing(self) -> None:
        if self._writing is not None:
            await self._writing
            self._writing = None

    async def _write(self, checked: CheckedMessages) -> None:
        await self._recorder.write(checked)
        ends = ends_of(checked.messages)
        self._written |= ends
        self._reader.commit([(*place[1:], offset) for place, offset in ends.items()])
