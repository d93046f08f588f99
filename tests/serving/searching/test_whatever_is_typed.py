"""Whatever is typed is answered, or is a problem that says why."""

import httpx
import pytest

from tests.serving.films import Films
from tests.serving.searching.conftest import search


async def test_a_query_that_cannot_be_answered_is_a_problem_that_says_why(
    films: Films, client: httpx.AsyncClient, subtests: pytest.Subtests
) -> None:
    for query in (
        {},
        {"q": ""},
        {"q": "  "},
        {"q": "!!! ..."},
        {"q": "-war"},
        {"q": "\ufc5e"},
        {"q": "\u200b"},
        {"q": "x" * 201},
        {"q": "a\0b"},
        {"q": "x", "limit": 0},
        {"q": "x", "limit": 101},
        {"q": "x", "user_id": ""},
    ):
        with subtests.test(query=query):
            answer = await client.get("/v1/search", params=query)
            assert answer.status_code == 422, answer.text
            (fault,) = answer.json()["errors"]
            assert fault["pointer"] in {"query:q", "query:limit", "query:user_id"}


async def test_whatever_is_typed_is_answered(
    films: Films, client: httpx.AsyncClient, subtests: pytest.Subtests
) -> None:
    for typed in (
        "'",
        "\\",
        "a'b\\c",
        "toy & story | !x",
        "(toy",
        "toy:*",
        "<->",
        '"',
        '""',
        '"toy',
        "--toy",
        "or",
        "or or",
        "toy or",
        "or toy",
        "ünïcödé 漢字",
        "🎬 toy",
        "a" * 190,
        "toy\tstory\n",
        "http://example.org/a?b=c",
        "me@example.org",
        "1e5 -3 .5",
        "%",
        "_",
        "\u0002toy\u0003",
    ):
        with subtests.test(typed=typed):
            for given in (typed, f"{typed} ", f"toy {typed}"):
                answer = await search(client, given)
                assert answer.status_code in {200, 422}, (given, answer.text)
                if "toy" in given and given[0] != "-":
                    assert answer.status_code == 200, (given, answer.text)


@pytest.mark.parametrize("count", [114, 199])
async def test_a_letter_that_folds_to_many_is_searched_for_as_any(
    films: Films, client: httpx.AsyncClient, count: int
) -> None:
    for _ in range(6):
        answer = await search(client, "\ufdfa" * count)
        assert answer.status_code == 200
        assert answer.json()["degraded"] in {None, "redis_away"}
    assert (await search(client, "toy story")).json()["strategy"] == "search"
