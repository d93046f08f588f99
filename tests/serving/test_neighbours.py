"""What the users most like one like, as a source with a weight of its own."""

from collections.abc import Sequence
from typing import Any

import httpx
import numpy as np
import pytest
from scipy.sparse import csr_matrix

from batch.replay.neighbours import Neighbourhood
from domain.identifiers import UserNo
from serving.candidates import SOURCES
from serving.lists.settings import BlendSettings
from tests.serving.conftest import Seeds, Start, event, ids, recommended, send

SIMILARITY_DIMENSIONS, UNLIKE = (1.0, 0.1), (-1.0, 0.2)


@pytest.fixture
async def ann(client: httpx.AsyncClient, seeds: Seeds) -> int:
    """Bob and Cat are like Ann, Dan is not; films 20 to 22 are in no other source."""
    people = {name: seeds.user(name) for name in ("ann", "bob", "cat", "dan")}
    f = seeds.film_nos
    await send(
        client,
        event("bob", 20, "like"), event("bob", 21, "like"), event("bob", 21, "like"),
        event("cat", 20, "like"), event("cat", 22, "dislike"),
        event("dan", 23, "like"), event("ann", 24, "like"), event("bob", 24, "like"),
    )  # fmt: skip
    seeds.run(
        batch={people["ann"]: [(f[0], 2.0), (f[1], 1.0)]},
        vectors={f[n]: (1.0, float(n)) for n in range(5)},
        users={
            people["ann"]: ((1.0, 0.0), 1),
            people["bob"]: (SIMILARITY_DIMENSIONS, 0),
            people["cat"]: (SIMILARITY_DIMENSIONS, 0),
            people["dan"]: (UNLIKE, 0),
        },
    )
    return people["ann"]


async def test_what_most_of_the_users_alike_like_scores_most(start: Start, ann: int) -> None:
    client = await start(blend_neighbours_weight=0.5)
    answer = (await recommended(client, "ann", limit=30)).json()
    scores = {item["item_id"]: item["scores"] for item in answer["items"] if item["scores"]}
    found = {
        name: by_source["neighbours"]
        for name, by_source in scores.items()
        if by_source["neighbours"]
    }
    assert found == {"film-20": 1.0}, "film 21, liked by one of two, is the least and scaled to 0"
    assert scores["film-21"] == {"batch": 0.0, "neighbours": 0.0, "speed": 0.0}
    assert not {"film-22", "film-23", "film-24"} & scores.keys()
    weights = {"batch": 0.7 / 1.5, "neighbours": 0.5 / 1.5, "speed": 0.3 / 1.5}
    assert answer["policy"]["weights"] == pytest.approx(weights)
    assert answer["items"][0]["item_id"] == "film-0"
    assert answer["items"][1]["item_id"] == "film-20"


async def test_what_may_not_be_shown_is_left_out_before_it_is_scaled(
    start: Start, seeds: Seeds, ann: int
) -> None:
    seeds.hide_item(20)
    client = await start(blend_neighbours_weight=0.5)
    items = (await recommended(client, "ann", limit=30)).json()["items"]
    scores = {item["item_id"]: item["scores"] for item in items}
    assert "film-20" not in scores
    assert scores["film-21"]["neighbours"] == 1.0


async def test_a_user_like_nobody_gets_the_blend_of_the_other_sources(
    start: Start, ann: int
) -> None:
    client = await start(blend_neighbours_weight=0.5)
    policy = (await recommended(client, "dan")).json()["policy"]
    assert policy["weights"] == {"batch": 0.0, "neighbours": 0.0, "speed": 1.0}


async def test_a_source_without_a_weight_is_not_asked(
    client: httpx.AsyncClient, ann: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    for source in SOURCES:
        candidates = type(source).candidates

        async def noted(self: Any, *of: Any, was: Any = candidates) -> Any:
            asked.append(self.name)
            return await was(self, *of)

        monkeypatch.setattr(type(source), "candidates", noted)
    answer = await recommended(client, "ann", limit=30)
    assert asked == ["batch", "speed"]
    assert not {"film-20", "film-21"} & set(ids(answer)[:5])
    assert {tuple(item["scores"]) for item in answer.json()["items"]} == {("batch", "speed"), ()}


def test_every_source_with_a_weight_is_registered_once() -> None:
    names = [source.name for source in SOURCES]
    policy = BlendSettings(blend_neighbours_weight=0.1).blend()
    assert sorted(names) == sorted(policy.weights(0))


def test_replay_scores_as_the_store_does() -> None:
    vectors = np.array([(1.0, 0.0), SIMILARITY_DIMENSIONS, SIMILARITY_DIMENSIONS, UNLIKE])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    liked = liked_matrix([[4], [0, 1, 4], [0], [3]], 5)
    users = Neighbourhood(np.array([1, 2, 3, 4], dtype=np.int32), vectors, liked)
    cosine = 1.0 / np.hypot(1.0, 0.1)
    scores = users.scores(UserNo(1), np.array([2.0, 0.0]))
    assert scores == pytest.approx([2 * cosine, cosine, 0.0, 0.0, cosine])


def liked_matrix(liked: Sequence[Sequence[int]], items: int) -> Any:
    dense = np.zeros((len(liked), items))
    for row, columns in enumerate(liked):
        dense[row, list(columns)] = 1.0
    return csr_matrix(dense)
