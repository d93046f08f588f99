"""Several processes behind one address."""

import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import httpx
import psutil

from tests.serving.conftest import Seeds
from tests.serving.process import RunApi, RunningApi, run_api, running_api
from tests.serving.raw import asked
from tests.waiting import wait_until

__all__ = ["run_api"]


def workers(api: RunningApi) -> list[psutil.Process]:
    return psutil.Process(api.process.pid).children()


def up(api: RunningApi) -> int:
    figures = api.figures()
    return int(
        sum(value for name, value in figures.items() if name.startswith("serving_process_up"))
    )


def until_all_are_up(api: RunningApi) -> None:
    wait_until(lambda: up(api) == 2, seconds=120)


def test_a_killed_process_is_replaced_while_the_other_answers(run_api: RunApi) -> None:
    api = run_api(api_workers=2)
    until_all_are_up(api)
    before = workers(api)
    assert len(before) == 2
    for victim in before:
        victim.kill()
        # Each on a connection of its own: none of them was under way on the dead process.
        answers = [asked(api.port, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n") for _ in range(50)]
        assert {answer.status for answer in answers} == {200}
        until_all_are_up(api)
    assert not set(before) & set(workers(api))
    assert len(api.lines("worker_ended")) == 2


def test_metrics_report_every_process_whichever_is_asked(run_api: RunApi, seeds: Seeds) -> None:
    api, key = run_api(api_workers=2), seeds.key("read")
    until_all_are_up(api)
    for _ in range(40):
        assert api.get("/v1/popular", **{"X-API-Key": key}).status_code in {200, 503}
    route = 'serving_requests_total{method="GET",process="%d",route="/v1/popular",status='
    for _ in range(10):
        figures = api.figures()
        counted = [
            sum(value for name, value in figures.items() if name.startswith(route % number))
            for number in (0, 1)
        ]
        assert sum(counted) == 40
        for number in (0, 1):
            assert figures[f'process_resident_memory_bytes{{process="{number}"}}'] > 1e7
            assert figures[f'process_cpu_seconds_total{{process="{number}"}}'] > 0
            assert figures[f'process_open_fds{{process="{number}"}}'] > 10
            lane = f'{{lane="reads",process="{number}",state='
            assert figures[f'serving_postgres_connections{lane}"limit"}}'] == 30
            assert figures[f'serving_postgres_connections{lane}"open"}}'] >= 1
            assert figures[f'serving_postgres_waiting{{lane="reads",process="{number}"}}'] == 0


def test_what_one_process_was_reported_the_other_knows_at_once(
    run_api: RunApi, seeds: Seeds
) -> None:
    seeds.listed_user("ann", popular=range(30))
    api, key = run_api(api_workers=2), seeds.key("read", "write")
    until_all_are_up(api)
    with ExitStack() as stack:
        clients: list[httpx.Client] = []

        def both_are_asked() -> bool:
            address, headers = f"http://127.0.0.1:{api.port}", {"X-API-Key": key}
            client = httpx.Client(base_url=address, headers=headers, timeout=60, verify=False)
            clients.append(stack.enter_context(client))
            assert listed(client)
            asked_of = [name for name in api.figures() if "requests_total" in name]
            return sum("/recommendations" in name for name in asked_of) == 2

        wait_until(both_are_asked, seconds=60)
        for number in range(5):
            sent = {"user_id": "ann", "item_id": f"film-{number}", "kind": "view"}
            answer = clients[-1 - number % 2].post("/v1/events", json={"events": [sent]})
            assert answer.status_code == 202
            for client in (clients[0], clients[-1]):
                assert f"film-{number}" not in listed(client)


def listed(client: httpx.Client) -> list[str]:
    items = client.get("/v1/users/ann/recommendations", params={"limit": 5}).json()["items"]
    return [item["item_id"] for item in items]


def test_told_to_stop_all_of_them_end_and_log_no_more_than_they_were_told(run_api: RunApi) -> None:
    api = run_api(api_workers=2, log_level="WARNING")
    until_all_are_up(api)
    children = workers(api)
    api.process.terminate()
    assert api.process.wait(timeout=60) == 0
    assert not any(child.is_running() for child in children)
    assert not api.lines("request")
    assert not [line for line in api.log.read_text().splitlines() if '"level": "info"' in line]


def test_without_their_parent_they_end_and_leave_the_address_to_the_next(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    with running_api(database_url, redis_url, tmp_path / "log", api_workers=2) as api:
        until_all_are_up(api)
        children = workers(api)
        api.process.kill()
        psutil.wait_procs(children, timeout=60)
        assert not any(child.is_running() for child in children)
        settings = {"api_workers": 1, "api_port": api.port}
        with running_api(database_url, redis_url, tmp_path / "next", **settings) as following:
            assert following.get("/healthz").status_code == 200


def test_a_process_that_hangs_as_it_starts_is_replaced(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.serving.hanging_start", str(tmp_path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    assert "worker_hangs" in done.stdout
    assert done.stdout.splitlines()[-1] == "0"


def test_a_process_that_hangs_is_replaced(run_api: RunApi) -> None:
    api = run_api(api_workers=2, api_hung_seconds=5)
    until_all_are_up(api)
    victim = workers(api)[0]
    os.kill(victim.pid, signal.SIGSTOP)
    wait_until(lambda: not victim.is_running(), seconds=60)
    until_all_are_up(api)
    assert api.lines("worker_hangs")
