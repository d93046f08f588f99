"""One server of two is stopped and another takes its place, while requests go on."""

import threading
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import httpx

from tests.serving.conftest import Seeds
from tests.serving.process import RunningApi, running_api
from tests.waiting import wait_until


def test_no_request_is_lost_while_a_server_is_replaced(
    database_url: str, redis_url: str, seeds: Seeds, tmp_path: Path
) -> None:
    seeds.listed_user("ann")
    key = seeds.key("read")

    def run(stack: ExitStack, name: str) -> RunningApi:
        log = tmp_path / f"{name}.log"
        return stack.enter_context(running_api(database_url, redis_url, log))

    with ExitStack() as others, ExitStack() as first_stack:
        servers = [run(first_stack, "first"), run(others, "second")]
        with _Asking(servers, key) as (statuses, asked_more):
            asked_more(20)
            first_stack.close()
            asked_more(20)
            servers[0] = run(others, "third")
            asked_more(20)
        assert set(statuses) == {200}, statuses


class _Asking:
    """Asks one server after the other, as a balancer does: who is gone is passed over."""

    def __init__(self, servers: list[RunningApi], key: str) -> None:
        self._servers, self._key = servers, key
        self._statuses = Counter[int]()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> tuple[Counter[int], Callable[[int], None]]:
        self._thread.start()
        return self._statuses, self._wait_for_more

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _wait_for_more(self, requests: int) -> None:
        wanted = self._statuses.total() + requests
        wait_until(lambda: self._statuses.total() >= wanted, seconds=120)

    def _ask(self) -> None:
        turn = 0
        while not self._stopping.is_set():
            turn += 1
            for server in (self._servers[turn % 2], self._servers[(turn + 1) % 2]):
                try:
                    answer = server.get("/v1/users/ann/recommendations", **{"X-API-Key": self._key})
                except httpx.TransportError:
                    continue
                self._statuses[answer.status_code] += 1
                break
            else:
                self._statuses[0] += 1
