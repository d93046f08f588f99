"""Loading over HTTP: what comes in is queued, and the loading worker does the rest."""

import asyncio
import gzip
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from loading.uploads import work
from loading.worker import SIGN_OF_LIFE, tidy
from serving.loads import upload_folder
from sql.engine import make_engine
from sql.loads import undo_load
from tests.serving.conftest import Seeds, Start, happened, until
from tests.serving.process import RunApi, run_api
from tests.waiting import wait_until

__all__ = ["run_api"]

EVENTS = b"user_id,item_id,timestamp\nann,film-1,1600000000\nbob,film-2,1600000001\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "uploads"


@pytest.fixture
async def admin(start: Start, seeds: Seeds, folder: Path) -> httpx.AsyncClient:
    client = await start(uploads=folder)
    client.headers["X-API-Key"] = seeds.key("admin", name="importer")
    return client


@pytest.fixture
def worker(database_url: str, folder: Path) -> Iterator["Worker"]:
    engine = make_engine(database_url)
    yield Worker(engine, database_url, folder)
    engine.dispose()


class Worker:
    """The work of the loading worker, in this process."""

    def __init__(self, engine: Engine, database_url: str, folder: Path) -> None:
        self._engine = engine
        self._database_url = database_url
        self._folder = folder

    def work(self) -> None:
        with self._engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            while work(connection, self._database_url, self._folder):
                pass


async def upload(
    client: httpx.AsyncClient, content: bytes = EVENTS, **query: Any
) -> dict[str, Any]:
    answer = await client.post("/v1/loads", content=content, params=query)
    assert answer.status_code == 202, answer.text
    body: dict[str, Any] = answer.json()
    assert answer.headers["Location"] == f"/v1/loads/{body['id']}"
    return body


async def found(client: httpx.AsyncClient, load: dict[str, Any]) -> dict[str, Any]:
    answer = await client.get(f"/v1/loads/{load['id']}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def files(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file()] if folder.exists() else []


async def test_a_file_is_queued_loaded_and_reported(
    admin: httpx.AsyncClient, worker: Worker, seeds: Seeds, folder: Path
) -> None:
    bad = b"ann,nowhere,1600000002\n"
    queued = await upload(admin, gzip.compress(EVENTS + bad), filename="log.csv.gz")
    assert (queued["state"], queued["uploaded_by"]) == ("queued", "importer")
    assert seeds.count("interactions") == 0
    worker.work()
    done = await found(admin, queued)
    assert done["state"] == "complete", done
    assert done["report"]["events_stored"] == 2
    assert done["report"]["rejected"] == {"unknown item": 1}
    assert done["report"]["rejected_rows"][0]["row"] == 4
    assert done["load_no"] == 1
    assert seeds.count("interactions") == 2
    assert seeds.count(f"loads where source = 'upload {done['id']} log.csv.gz'") == 1
    assert seeds.count("loads where loaded_by = 'importer'") == 1
    assert files(folder) == []
    listed = (await admin.get("/v1/loads")).json()["loads"]
    assert [load["id"] for load in listed] == [done["id"]]


async def test_a_load_is_taken_back_once_and_again_without_harm(
    admin: httpx.AsyncClient, worker: Worker, seeds: Seeds
) -> None:
    load = await upload(admin)
    worker.work()
    for state in ("undoing", "undone"):
        answer = await admin.delete(f"/v1/loads/{load['id']}")
        assert (answer.status_code, answer.json()["state"]) == (202, state)
        worker.work()
        assert (await found(admin, load))["undone"]["events"] == 2
    assert seeds.count("interactions") == 0
    assert (await admin.delete("/v1/loads/99")).status_code == 404
    assert (await admin.get("/v1/loads/99")).status_code == 404


async def test_a_load_that_is_taken_back_on_the_command_line_is_reported_so(
    admin: httpx.AsyncClient, worker: Worker, seeds: Seeds
) -> None:
    load = await upload(admin, filename="a *?'[1].csv")
    worker.work()
    load_no = (await found(admin, load))["load_no"]
    with seeds.engine.begin() as connection:
        undo_load(connection, load_no)
    assert (await found(admin, load))["state"] == "undone"


async def test_an_upload_that_nobody_loads_is_a_finding(
    admin: httpx.AsyncClient, worker: Worker, seeds: Seeds
) -> None:
    async def severity() -> str:
        findings = (await admin.get("/v1/admin/diagnose")).json()["findings"]
        return next(str(found["severity"]) for found in findings if found["check"] == "uploads")

    await upload(admin)
    assert await severity() == "ok"
    with seeds.engine.begin() as connection:
        connection.exec_driver_sql("update uploads set queued_at = now() - interval '5 minutes'")
    assert await severity() == "problem"
    worker.work()
    assert await severity() == "ok"


async def test_a_load_that_is_taken_back_before_it_began_is_not_loaded(
    admin: httpx.AsyncClient, worker: Worker, seeds: Seeds, folder: Path
) -> None:
    load = await upload(admin)
    await admin.delete(f"/v1/loads/{load['id']}")
    worker.work()
    assert (await found(admin, load))["state"] == "undone"
    assert (seeds.count("loads"), files(folder)) == (0, [])


async def test_a_preview_stores_nothing_and_its_file_is_loaded_without_being_sent_again(
    admin: httpx.AsyncClient, worker: Worker, seeds: Seeds, folder: Path
) -> None:
    load = await upload(admin, preview="true", filename="events.csv")
    worker.work()
    shown = await found(admin, load)
    assert (shown["state"], shown["is_preview"], shown["report"]) == ("complete", True, None)
    (file,) = shown["preview"]["files"]
    assert (file["file"], file["rows"], file["events"]["users"]) == ("events.csv", 2, 2)
    assert seeds.count("loads") == 0
    answer = await admin.post(f"/v1/loads/{load['id']}/options", params={"kind": "like"})
    assert (answer.status_code, answer.json()["state"]) == (202, "queued")
    worker.work()
    assert (await found(admin, load))["report"]["events_stored"] == 2
    assert files(folder) == []
    again = await admin.post(f"/v1/loads/{load['id']}/options")
    assert again.status_code == 409
    assert again.json()["type"] == "urn:tandem:problem:file-gone"


async def test_what_only_the_owner_knows_is_asked_and_answered_with_parameters(
    admin: httpx.AsyncClient, worker: Worker
) -> None:
    rows = "".join(f"user-{n},film-{n},{n % 9 + 1}/3/2020\n" for n in range(12))
    load = await upload(admin, f"user_id,item_id,date\n{rows}".encode())
    worker.work()
    asked = await found(admin, load)
    assert asked["state"] == "failed", asked
    assert "--" not in asked["error"]["detail"]
    choices = {each["label"]: each["parameters"] for each in asked["error"]["choices"]}
    assert choices["the day"] == {"day_first": ["true"]}
    answer = await admin.post(f"/v1/loads/{load['id']}/options", params=choices["the day"])
    assert answer.status_code == 202, answer.text
    worker.work()
    assert (await found(admin, load))["report"]["events_stored"] == 12


async def test_a_file_that_cannot_be_read_fails_in_the_words_of_the_api(
    admin: httpx.AsyncClient, worker: Worker
) -> None:
    load = await upload(admin, b"a,b\n1,2\n3,4\n", filename="strange.csv")
    worker.work()
    error = (await found(admin, load))["error"]
    assert "columns=" in error["detail"]
    assert "--" not in error["detail"]
    assert "/" not in error["detail"]
    wrong = await upload(admin, columns="nonsense=1")
    worker.work()
    assert "columns=nonsense" in (await found(admin, wrong))["error"]["detail"]


async def test_loads_need_a_key_of_the_scope_admin_before_the_body_is_read(
    admin: httpx.AsyncClient, seeds: Seeds, folder: Path
) -> None:
    async def unread() -> AsyncIterator[bytes]:
        pytest.fail("the body was read")
        yield b""

    key = {"X-API-Key": seeds.key("read", "write", "users", name="an app")}
    for path in ("/v1/loads", "/v1/loads/1/options"):
        answer = await admin.post(path, content=unread(), headers=key)
        assert answer.status_code == 403, path
    for method, path in (("GET", "/v1/loads"), ("GET", "/v1/loads/1"), ("DELETE", "/v1/loads/1")):
        assert (await admin.request(method, path, headers=key)).status_code == 403
    assert files(folder) == []


@pytest.mark.parametrize(
    "refused",
    [
        ({"colums": "user_id=1"}, EVENTS, 422),
        ({"filename": "../events.csv"}, EVENTS, 422),
        ({"filename": ".."}, EVENTS, 422),
        ({"filename": "a\nb"}, EVENTS, 422),
        ({"header": "yes"}, EVENTS, 422),
        ({"columns": "user_id"}, EVENTS, 422),
        ({}, b"", 422),
        ({}, b"x" * 2_000, 413),
    ],
)
async def test_what_cannot_be_loaded_is_refused_and_leaves_nothing(
    start: Start, seeds: Seeds, folder: Path, refused: tuple[dict[str, str], bytes, int]
) -> None:
    query, content, status = refused
    client = await start(uploads=folder, api_upload_bytes=1_000)
    client.headers["X-API-Key"] = seeds.key("admin", name="importer")
    answer = await client.post("/v1/loads", params=query, content=content)
    assert answer.status_code == status, answer.text
    wait_until(lambda: not files(folder), seconds=10)
    assert seeds.count("uploads") == 0


async def test_a_file_that_turns_out_too_large_or_has_no_room_leaves_nothing(
    start: Start, seeds: Seeds, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await start(uploads=folder, api_upload_bytes=3_000_000, api_body_bytes=1_000)
    client.headers["X-API-Key"] = seeds.key("admin", name="importer")

    async def pieces(count: int) -> AsyncIterator[bytes]:
        for _ in range(count):
            yield b"x" * 500_000

    assert (await client.post("/v1/loads", content=pieces(7))).status_code == 413
    wait_until(lambda: not files(folder), seconds=10)
    # Larger than what other routes take.
    assert (await client.post("/v1/loads", content=pieces(6))).status_code == 202
    (kept,) = files(folder)
    full = shutil._ntuple_diskusage(100, 100, 0)  # type: ignore[attr-defined]
    monkeypatch.setattr(upload_folder.shutil, "disk_usage", lambda _: full)  # type: ignore[attr-defined]
    answer = await client.post("/v1/loads", content=pieces(6))
    assert (answer.status_code, answer.json()["type"]) == (507, "urn:tandem:problem:no-room")
    wait_until(lambda: files(folder) == [kept], seconds=10)
    assert seeds.count("uploads") == 1


async def test_a_file_that_does_not_come_in_is_given_up_and_makes_room_for_others(
    start: Start, seeds: Seeds, folder: Path
) -> None:
    client = await start(uploads=folder, api_uploads_at_once=1, api_body_seconds=1.0)
    client.headers["X-API-Key"] = seeds.key("admin", name="importer")
    begun = asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        yield EVENTS
        begun.set()
        await asyncio.sleep(600)

    async with asyncio.TaskGroup() as group:
        slow = group.create_task(client.post("/v1/loads", content=pieces()))
        await happened(begun)
        assert (await client.post("/v1/loads", content=EVENTS)).status_code == 429
    assert slow.result().status_code == 408
    assert (await client.post("/v1/loads", content=EVENTS)).status_code == 202
    assert seeds.count("uploads") == 1


async def test_a_form_is_refused_with_what_to_send_instead(admin: httpx.AsyncClient) -> None:
    answer = await admin.post("/v1/loads", files={"file": ("events.csv", EVENTS)})
    assert answer.status_code == 422
    assert "--data-binary" in answer.json()["detail"]


def test_half_a_file_is_never_loaded(run_api: RunApi, seeds: Seeds, folder: Path) -> None:
    api = run_api(uploads=folder)
    key = seeds.key("admin", name="importer")
    head = (
        f"POST /v1/loads HTTP/1.1\r\nHost: tandem\r\nX-API-Key: {key}\r\n"
        "Content-Length: 5000000\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", api.port)) as client:
        client.sendall(head.encode() + b"x" * 3_000_000)
        wait_until(lambda: bool(files(folder)), seconds=10)
    wait_until(lambda: not files(folder), seconds=10)
    assert seeds.count("uploads") == 0
    url = f"http://127.0.0.1:{api.port}/v1/loads"
    answer = httpx.post(url, content=EVENTS, headers={"X-API-Key": key}, verify=False)
    assert answer.status_code == 202, answer.text
    assert len(files(folder)) == 1


ROWS = 60_000


async def test_a_killed_worker_loses_and_doubles_nothing(
    admin: httpx.AsyncClient, database_url: str, seeds: Seeds, folder: Path
) -> None:
    rows = "".join(
        f"user-{n % 997},film-{n % 30},{1_600_000_000 + n}\n" for n in range(ROWS)
    ).encode()
    load = await upload(admin, b"user_id,item_id,timestamp\n" + rows, filename="events.csv")
    environment = {**os.environ, "DATABASE_URL": database_url, "TANDEM_UPLOADS": str(folder)}

    def started() -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, "-m", "loading.worker"],
            env=environment, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip

    killed = started()
    try:
        wait_until(lambda: seeds.count("interactions") > 0, seconds=60)
    finally:
        os.killpg(killed.pid, signal.SIGKILL)
        killed.wait()
    stored = seeds.count("interactions")

    async def is_interrupted() -> bool:
        return (await found(admin, load))["state"] == "interrupted"

    await until(is_interrupted)
    assert stored < ROWS
    worker = started()
    try:
        wait_until(lambda: seeds.count("uploads where state = 'complete'") == 1, seconds=60)
        # The file goes when the load is complete, not with it.
        wait_until(lambda: files(folder) == [SIGN_OF_LIFE], seconds=60)
    finally:
        began = time.monotonic()
        worker.terminate()
        assert worker.wait(timeout=20) == 0
        assert time.monotonic() - began < 6
    done = await found(admin, load)
    assert done["report"]["resumed"], json.dumps(done)
    # All that is of this load, whenever it was stored.
    assert (done["report"]["events_stored"], done["report"]["events_repeated"]) == (ROWS, 0)
    assert seeds.count("interactions") == ROWS
    assert seeds.count("loads") == 1
    assert files(folder) == [SIGN_OF_LIFE]


async def test_a_load_that_is_under_way_is_stopped_and_taken_back(
    admin: httpx.AsyncClient,
    worker: Worker,
    seeds: Seeds,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    load = await upload(admin)
    asked = "update uploads set state = 'undoing'"

    def note(*_: object) -> None:
        with seeds.engine.begin() as connection:
            connection.exec_driver_sql(asked)
        noted(*_)

    from loading import uploads  # noqa: PLC0415

    noted = uploads._note
    monkeypatch.setattr(uploads, "_note", note)
    worker.work()
    assert (await found(admin, load))["state"] == "undone"
    assert seeds.count("interactions") == 0


def test_what_nobody_needs_any_more_is_deleted(tmp_path: Path) -> None:
    for name in ("kept", "half.part", "left", "young"):
        (tmp_path / name).write_text(name)
        if name != "young":
            os.utime(tmp_path / name, (0, 0))
    tidy(tmp_path, frozenset({"kept"}))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept", "young"]
