"""The figures of all processes in one answer, each with the number of its process.

Every process gives its own to the others at a Unix socket in a folder that only they can reach.
Counting costs nothing for it, nothing of a dead process is left to be cleaned up, and what cannot
be added up (a breaker's state, connections in use) is shown for each process.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import orjson
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

_PATIENCE_SECONDS = 1.0
_LABEL = "process"
_METRICS = "metrics"


@dataclass(frozen=True, slots=True)
class ProcessSlot:
    """One process among those that answer on one socket."""

    number: int
    of: int
    folder: Path | None
    """Where they give each other their figures; None if there is one only."""

    def socket(self) -> Path | None:
        """Where this process gives its own."""
        return None if self.folder is None else self.folder / str(self.number)

    def others(self) -> dict[int, Path]:
        """Where the others do, by number."""
        if self.folder is None:
            return {}
        return {n: self.folder / str(n) for n in range(self.of) if n != self.number}


class Figures:
    """What /metrics shows; without a slot, of this process alone and without its number."""

    def __init__(
        self,
        registry: CollectorRegistry,
        slot: ProcessSlot | None = None,
        more: Mapping[str, Callable[[], Any]] = MappingProxyType({}),
    ) -> None:
        """`more`: what else is given to the others under a name, as something to make JSON of."""
        self._slot = slot
        self._given: dict[str, Callable[[], bytes]] = {
            name: partial(_as_json, given) for name, given in more.items()
        }
        self._given[_METRICS] = partial(_written, registry)
        self._registry = registry

    async def text(self) -> bytes:
        """In Prometheus's text format."""
        slot = self._slot
        if slot is None:
            return generate_latest(self._registry)
        return generate_latest(_Merged(await self._all(_METRICS)))

    async def of_all(self, name: str) -> list[Any]:
        """What each process gives under a name; None of one that does not answer in time."""
        return [
            None if reply is None else orjson.loads(reply)
            for reply in (await self._all(name)).values()
        ]

    async def _all(self, name: str) -> dict[int, bytes | None]:
        """By number of the process."""
        own = self._given[name]()
        if self._slot is None:
            return {0: own}
        others = self._slot.others()
        replies = await asyncio.gather(*(_asked(path, name) for path in others.values()))
        return {**dict(zip(others, replies, strict=True)), self._slot.number: own}

    @asynccontextmanager
    async def shared(self) -> AsyncIterator[None]:
        """Give them to the others for the time of the block."""
        path = None if self._slot is None else self._slot.socket()
        if path is None:
            yield
            return
        # A process that was killed in this slot has left its socket.
        path.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(self._write_figures, path)
        try:
            yield
        finally:
            server.close()

    async def _write_figures(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with suppress(OSError, ValueError, TimeoutError):
            async with asyncio.timeout(_PATIENCE_SECONDS):
                name = (await reader.readline()).decode().strip()
                give = self._given.get(name)
                writer.write(b"" if give is None else give())
                await writer.drain()
        writer.close()


class _Merged(Collector):
    def __init__(self, given: dict[int, bytes | None]) -> None:
        self._given = given

    def collect(self) -> Iterator[Metric]:
        """One family of each name, with the samples of all processes."""
        up = Metric("serving_process_up", "1: the process gives its figures; 0: not.", "gauge")
        families = {up.name: up}
        for number, reply in sorted(self._given.items()):
            label = {_LABEL: str(number)}
            up.add_sample(up.name, label, float(reply is not None))
            for name, text, kind, samples in orjson.loads(reply or b"[]"):
                family = families.setdefault(name, Metric(name, text, kind))
                for sample, labels, value in samples:
                    family.add_sample(sample, {**labels, **label}, float(value))
        yield from families.values()


def _written(registry: CollectorRegistry) -> bytes:
    """All families as JSON; values as text, for JSON knows no infinity."""
    return orjson.dumps([_family(metric) for metric in registry.collect()])


def _family(metric: Metric) -> tuple[str, str, str, list[Any]]:
    samples: Iterable[Any] = metric.samples
    sample_rows = [(sample.name, sample.labels, str(sample.value)) for sample in samples]
    return metric.name, metric.documentation, metric.type, sample_rows


def _as_json(given: Callable[[], Any]) -> bytes:
    return orjson.dumps(given())


async def _asked(path: Path, name: str) -> bytes | None:
    """What the process there gives; None if there is none, or it does not answer in time."""
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            reader, writer = await asyncio.open_unix_connection(path)
            try:
                writer.write(f"{name}\n".encode())
                return await reader.read() or None
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return None
