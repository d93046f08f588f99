"""Prefect's API, asked as Prefect's own clients do."""

from typing import Any

import httpx

from tests.waiting import wait_until


def ask_again(client: httpx.Client, method: str, path: str, body: Any) -> httpx.Response:
    """The answer; ask again while Prefect's database is locked."""
    answers: list[httpx.Response] = []

    def answered() -> bool:
        answers.append(client.request(method, path, json=body))
        return answers[-1].status_code != 503

    wait_until(answered, seconds=120)
    return answers[-1].raise_for_status()
