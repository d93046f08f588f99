"""A few requests a second, as of a small app: lists, popular items, searches, likes."""

import itertools
import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from functools import partial

import httpx

VIEWERS = 2_000
READS_A_SECOND, EVENTS_A_SECOND = 3.0, 1.0
WORDS = ("space", "love story", "detective", "war", "comedy", "samurai")
TIMEOUT_SECONDS = 30.0

Ask = Callable[[httpx.Client], httpx.Response]


class LightLoad:
    """Reads and writes in threads of their own, until it is stopped."""

    def __init__(self, api_url: str, key: str, films: list[str]) -> None:
        self._url, self._key, self._films = api_url, key, films
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(target=self._send, args=(self._reads(), READS_A_SECOND)),
            threading.Thread(target=self._send, args=(self._writes(), EVENTS_A_SECOND)),
        ]
        self.requests = 0
        self.failed: list[str] = []

    def start(self) -> None:
        """Begin to ask."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ask no more; what is under way is waited for."""
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _send(self, questions: Iterator[Ask], per_second: float) -> None:
        headers = {"X-API-Key": self._key}
        with httpx.Client(
            base_url=self._url, headers=headers, timeout=TIMEOUT_SECONDS, trust_env=False
        ) as client:
            due = time.monotonic()
            while not self._stopped.wait(max(0.0, due - time.monotonic())):
                self._ask(client, next(questions))
                # Nothing is made up for: a slow answer must not be followed by a burst.
                due = max(due + 1.0 / per_second, time.monotonic())

    def _ask(self, client: httpx.Client, question: Ask) -> None:
        self.requests += 1
        at = time.strftime("%H:%M:%S", time.gmtime())
        try:
            answer = question(client)
        except httpx.HTTPError as error:
            self.failed.append(f"{at} {type(error).__name__}: {error}")
            return
        if not answer.is_success:
            request = f"{answer.request.method} {answer.request.url.path}"
            self.failed.append(f"{at} {request}: {answer.status_code} {answer.text[:200]}")

    def _reads(self) -> Iterator[Ask]:
        draw = random.Random(1)  # noqa: S311 -- load, no secret
        for number in itertools.count():
            path, params = self._question(number, draw)
            yield partial(_get, path=path, params=params)

    def _question(self, number: int, draw: random.Random) -> tuple[str, dict[str, str]]:
        kind = number % 6
        if kind == 0:
            return "/v1/popular", {"limit": "20"}
        if kind == 1:
            return "/v1/search", {"q": draw.choice(WORDS)}
        if kind == 2:  # noqa: PLR2004 -- the third of six
            return f"/v1/items/{draw.choice(self._films)}/similar", {}
        return f"/v1/users/{_viewer(draw)}/recommendations", {"limit": "20"}

    def _writes(self) -> Iterator[Ask]:
        draw = random.Random(2)  # noqa: S311 -- load, no secret
        while True:
            event = {
                "event_id": str(uuid.uuid4()),
                "user_id": _viewer(draw),
                "item_id": draw.choice(self._films),
                "kind": draw.choice(("view", "like")),
            }
            yield partial(_post, event=event)


def _get(client: httpx.Client, *, path: str, params: dict[str, str]) -> httpx.Response:
    return client.get(path, params=params)


def _post(client: httpx.Client, *, event: dict[str, str]) -> httpx.Response:
    return client.post("/v1/events", json={"events": [event]})


def _viewer(draw: random.Random) -> str:
    return f"viewer-{draw.randint(1, VIEWERS):04d}"
