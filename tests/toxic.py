"""A proxy between a client and a server that can be made slow, frozen, cut or flapping."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

_FLAP_SECONDS = 0.3


class Toxic:
    """Passes everything on in both directions, in the way it is told."""

    def __init__(self, path: str, target: str) -> None:
        self._path = Path(path)
        self._target = target
        self._latency = 0.0
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._server: asyncio.Server | None = None
        self._pipes: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._flapping: asyncio.Task[None] | None = None
        self.connections = 0

    async def open(self) -> None:
        """Take connections."""
        if self._server is None:
            self._server = await asyncio.start_unix_server(self._connected, self._path)

    async def cut(self) -> None:
        """Refuse connections, and reset those there are."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
            Path(self._path).unlink()  # noqa: ASYNC240 -- one name in a folder
        self._reset()

    def slow(self, seconds: float) -> None:
        """Hold every packet back for so long."""
        self._latency = seconds

    def freeze(self) -> None:
        """Take connections and bytes, and pass nothing on until it is healed."""
        self._flowing.clear()

    def flap(self) -> None:
        """Cut and open, again and again."""
        self._flapping = asyncio.create_task(self._flap())

    async def heal(self) -> None:
        """Pass everything on as if nothing had been."""
        await self._stop_flapping()
        self._latency = 0.0
        self._flowing.set()
        await self.open()

    async def close(self) -> None:
        """End."""
        await self._stop_flapping()
        await self.cut()
        for pipe in self._pipes:
            pipe.cancel()
        await asyncio.gather(*self._pipes, return_exceptions=True)

    async def _flap(self) -> None:
        while True:
            await self.cut()
            await asyncio.sleep(_FLAP_SECONDS)
            await self.open()
            await asyncio.sleep(_FLAP_SECONDS)

    async def _stop_flapping(self) -> None:
        if self._flapping is not None:
            self._flapping.cancel()
            with suppress(asyncio.CancelledError):
                await self._flapping
            self._flapping = None

    def _reset(self) -> None:
        for writer in tuple(self._writers):
            writer.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            there_reader, there_writer = await asyncio.open_unix_connection(self._target)
        except OSError:
            writer.transport.abort()
            return
        for source, sink in ((reader, there_writer), (there_reader, writer)):
            self._writers.add(sink)
            pipe = asyncio.create_task(self._pipe(source, sink))
            self._pipes.add(pipe)
            pipe.add_done_callback(self._pipes.discard)

    async def _pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                if self._latency:
                    await asyncio.sleep(self._latency)
                await self._flowing.wait()
                writer.write(data)
                await writer.drain()
        except (ConnectionError, RuntimeError):
            writer.transport.abort()
        finally:
            self._writers.discard(writer)
            with suppress(RuntimeError):
                writer.close()


@asynccontextmanager
async def toxic(path: str, target: str) -> AsyncIterator[Toxic]:
    """A proxy at one Unix socket to another, for the time of the block."""
    proxy = Toxic(path, target)
    await proxy.open()
    try:
        yield proxy
    finally:
        await proxy.close()


@asynccontextmanager
async def toxic_postgres(folder: Path, database_url: str) -> AsyncIterator[tuple[Toxic, str]]:
    """A proxy to a database, and the database's URL through it; its socket is in the folder."""
    address = urlsplit(database_url)
    host, port = (parse_qs(address.query)[name][0] for name in ("host", "port"))
    socket = f".s.PGSQL.{port}"
    through = address._replace(query=f"host={quote(str(folder), safe='')}&port={port}")
    async with toxic(str(folder / socket), str(Path(host) / socket)) as proxy:
        yield proxy, through.geturl()
