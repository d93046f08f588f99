"""How soon an event changes its user's list, while others send many: from POST to the changed list.

    python -m benchmarks freshness [--events 200] [--probes 400] [--json]

Of the stack as `tandem up` starts it, with the sample; `--url` and `--key` name one that runs on
this machine. The events beside come at a steady rate, whatever became of those before. The baseline
in the same run is a read that changes nothing, right before each event.
"""

import asyncio
import itertools
import json
import multiprocessing
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import urlsplit

import httpx
import numpy as np
import typer
import uvloop

from benchmarks.command import run_command
from benchmarks.soak_system import running_system
from domain.errors import StackError
from stack.cli.options import AsJson
from tests.chaos.client import Api, Reply

_API = "api"
_PROBED_USERS, _OTHER_USERS = 100, 2_000
_REFUSED = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
_WARM_SECONDS, _REST_SECONDS, _TIMEOUT_SECONDS = 5.0, 0.1, 10.0


@dataclass(frozen=True, slots=True)
class _System:
    port: int
    key: str
    item_ids: Sequence[str]


@dataclass(slots=True)
class _Beside:
    """What became of the events beside."""

    sent: int = 0
    refused: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class _Probes:
    """Milliseconds of each probe."""

    plain_read: list[float] = field(default_factory=list)
    post: list[float] = field(default_factory=list)
    """From the event's POST to its 202."""
    accepted_to_changed: list[float] = field(default_factory=list)
    """From the 202 to the first answer that knows of the event."""
    post_to_changed: list[float] = field(default_factory=list)
    refused: int = 0
    """Events that were shed: there were too many beside."""

    def times(self) -> dict[str, list[float]]:
        """Milliseconds by name."""
        names = ("plain_read", "post", "accepted_to_changed", "post_to_changed")
        return {name: getattr(self, name) for name in names}


def freshness(
    *,
    url: Annotated[str | None, typer.Option(help="A system that runs on this machine.")] = None,
    key: Annotated[str | None, typer.Option(help="Its key, to read and write.")] = None,
    probes: Annotated[int, typer.Option(min=10, help="Events whose effect is waited for.")] = 400,
    events: Annotated[int, typer.Option(min=0, help="Events a second beside.")] = 200,
    as_json: AsJson = False,
) -> int:
    """Send one event after another, and read its user's list each time until it has changed."""
    with _system(url, key) as system, _events_beside(system, events) as beside:
        time.sleep(_WARM_SECONDS)
        measured = uvloop.run(_probed(system, probes))
    values = _to_dict(measured, beside)
    if as_json:
        typer.echo(json.dumps(values))
        return 0
    for name in measured.times():
        figures = (f"{at} {values[f'{name}_{at}_ms']:7.1f} ms" for at in ("p50", "p99", "max"))
        typer.echo(f"{name.replace('_', ' '):20}  {'  '.join(figures)}")
    typer.echo(
        f"{values['events_per_second']:.0f} events a second beside, {beside.refused} refused"
    )
    return 0


@contextmanager
def _system(url: str | None, key: str | None) -> Iterator[_System]:
    if url is None:
        with running_system() as own:
            yield _System(_port(own.api_url), own.key, own.films)
        return
    if key is None:
        raise StackError("Say --key: one of the system at --url with the scopes read and write.")
    headers = {"X-API-Key": key}
    asked = {"limit": 100}
    answer = httpx.get(f"{url}/v1/popular", params=asked, headers=headers, trust_env=False)
    items = answer.raise_for_status().json()["items"]
    yield _System(_port(url), key, [item["item_id"] for item in items])


def _port(url: str) -> int:
    address = urlsplit(url)
    return address.port or (443 if address.scheme == "https" else 80)


@contextmanager
def _events_beside(system: _System, per_second: int) -> Iterator[_Beside]:
    """Events at this rate until the block ends, from a process that does nothing else."""
    beside = _Beside()
    if not per_second:
        yield beside
        return
    context = multiprocessing.get_context("spawn")
    stopped, counts = context.Event(), context.SimpleQueue()
    sender = context.Process(target=_send, args=(system, per_second, stopped, counts))
    sender.start()
    try:
        yield beside
        stopped.set()
        beside.sent, beside.refused, beside.seconds = counts.get()
    finally:
        sender.terminate()
        sender.join()


def _send(system: _System, per_second: int, stopped: Any, counts: Any) -> None:
    beside = uvloop.run(_sent(system, per_second, stopped))
    counts.put((beside.sent, beside.refused, beside.seconds))


async def _sent(system: _System, per_second: int, stopped: Any) -> _Beside:
    api, beside, random = Api({_API: system.port}, system.key), _Beside(), np.random.default_rng(3)
    under_way = set[asyncio.Task[Reply]]()

    def note(task: asyncio.Task[Reply]) -> None:
        under_way.discard(task)
        beside.refused += task.result().status != HTTPStatus.ACCEPTED

    began = time.monotonic()
    for number in itertools.count():
        due = began + number / per_second
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        if stopped.is_set():
            break
        user_id = f"freshness-other-{random.integers(_OTHER_USERS)}"
        task = asyncio.create_task(_post(api, user_id, str(random.choice(system.item_ids))))
        under_way.add(task)
        task.add_done_callback(note)
        beside.sent += 1
    beside.seconds = time.monotonic() - began
    if under_way:
        await asyncio.wait(under_way)
    api.close()
    return beside


async def _probed(system: _System, probes: int) -> _Probes:
    api, measured, random = (
        Api({_API: system.port}, system.key),
        _Probes(),
        np.random.default_rng(4),
    )
    name = uuid.uuid4().hex[:8]
    for number in range(probes):
        user_id = f"freshness-{name}-{number % _PROBED_USERS}"
        await _probe(api, measured, user_id, str(random.choice(system.item_ids)))
    api.close()
    return measured


async def _probe(api: Api, measured: _Probes, user_id: str, item_id: str) -> None:
    before = await _read(api, user_id)
    posted = await _post(api, user_id, item_id)
    if posted.status in _REFUSED:
        measured.refused += 1
        await asyncio.sleep(_REST_SECONDS)
        return
    if posted.status != HTTPStatus.ACCEPTED:
        raise StackError(f"An event was answered with {posted.status or posted.failure}.")
    after = await _read(api, user_id)
    while _events_known(after) == _events_known(before):
        if after.ended - posted.began > _TIMEOUT_SECONDS:
            raise StackError(f"A list did not change within {_TIMEOUT_SECONDS:g} seconds.")
        after = await _read(api, user_id)
    measured.plain_read.append(1000 * before.seconds)
    measured.post.append(1000 * posted.seconds)
    measured.accepted_to_changed.append(1000 * (after.ended - posted.ended))
    measured.post_to_changed.append(1000 * (after.ended - posted.began))


async def _post(api: Api, user_id: str, item_id: str) -> Reply:
    event = {"user_id": user_id, "item_id": item_id, "kind": "view"}
    content = {"events": [event]}
    return await api.ask(
        _API, "POST", "/v1/events", content=content, timeout_seconds=_TIMEOUT_SECONDS
    )


async def _read(api: Api, user_id: str) -> Reply:
    path = f"/v1/users/{user_id}/recommendations"
    reply = await api.ask(_API, "GET", path, timeout_seconds=_TIMEOUT_SECONDS)
    if reply.status != HTTPStatus.OK:
        raise StackError(f"A list was answered with {reply.status or reply.failure}.")
    return reply


def _events_known(reply: Reply) -> int:
    """How many of the user's events since the night an answer knows of."""
    return int((reply.body["policy"] or {}).get("events_since_cut_off", 0))


def _to_dict(measured: _Probes, beside: _Beside) -> dict[str, float]:
    if not measured.post:
        raise StackError("No event was taken: there are too many beside. Say --events.")
    values: dict[str, float] = {
        "probes": len(measured.post),
        "probes_refused": measured.refused,
        "events_per_second": round(beside.sent / beside.seconds, 1) if beside.seconds else 0.0,
        "events_refused": beside.refused,
    }
    for name, times in measured.times().items():
        p50, p90, p99 = np.percentile(times, [50, 90, 99])
        figures = {"p50": p50, "p90": p90, "p99": p99, "max": max(times)}
        values |= {f"{name}_{at}_ms": round(float(ms), 1) for at, ms in figures.items()}
    own = np.array(measured.post_to_changed) / np.median(measured.plain_read)
    values["ratio_to_plain_read"] = round(float(np.median(own)), 2)
    return values


def main() -> None:
    """Measure as the command line says."""
    run_command(freshness)


if __name__ == "__main__":
    main()
