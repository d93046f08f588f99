"""What a request may ask of one list: items left out, and how the sources are weighed."""

import httpx
import pytest

from tests.serving.conftest import Gate, Seeds, faults, ids, recommended

LISTS = (
    "/v1/users/ann/recommendations",
    "/v1/popular",
    "/v1/trending",
    "/v1/latest",
    "/v1/starter",
    "/v1/search?q=film",
    "/v1/items/film-0/similar",
    "/v1/similar?item_id=film-0",
)


@pytest.mark.parametrize("path", LISTS)
async def test_excluded_items_are_in_no_list_and_others_take_their_places(
    client: httpx.AsyncClient, seeds: Seeds, gate: Gate, path: str
) -> None:
    seeds.listed_user("ann", popular=range(6))
    separator = "&" if "?" in path else "?"
    whole = ids(await client.get(f"{path}{separator}limit=30"))
    excluded = [*whole[:5], "no-such-item"]
    query = "".join(f"&exclude={item_id}" for item_id in excluded)
    asked = f"{path}{separator}limit=30{query}"
    assert sorted(ids(await client.get(asked))) == sorted(whole[5:])
    assert len(ids(await client.get(f"{path}{separator}limit=5{query}"))) == 5
    gate.shut()
    for answer in (await client.get(asked), await client.get(f"{asked}&exclude=film-9")):
        assert set(ids(answer)).isdisjoint(excluded)


async def test_only_the_sources_that_are_named_are_asked(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    seeds.listed_user("ann")
    live = await recommended(client, "ann", weights="speed:1", diversity=0, explore=0)
    assert (live.json()["strategy"], ids(live)[0]) == ("speed", "film-9")
    assert live.json()["policy"]["weights"] == {"speed": 1.0}
    nightly = await recommended(client, "ann", weights="batch:0.2", diversity=0, explore=0)
    assert (nightly.json()["strategy"], ids(nightly)[:3]) == (
        "batch",
        ["film-0", "film-1", "film-2"],
    )
    asked = {"weights": ["batch:1", "speed:3"], "sharpness": 2}
    both = (await recommended(client, "ann", **asked)).json()
    assert both["policy"] == {
        "name": "fixed",
        "weights": {"batch": 0.25, "speed": 0.75},
        "sharpness": 2.0,
        "events_since_cut_off": 0,
    }
    # Each was cached under its own name.
    assert (await recommended(client, "ann", **asked)).json()["source"] == "cache"
    assert (await recommended(client, "ann")).json()["policy"]["weights"]["batch"] == 0.7


async def test_a_policy_may_be_asked_for(client: httpx.AsyncClient, seeds: Seeds) -> None:
    user_no, f = seeds.user("ann"), seeds.film_nos
    seeds.run(
        batch={user_no: [(f[0], 2.0), (f[1], 1.0)]},
        vectors={f[n]: (1.0, float(n)) for n in range(4)},
        users={user_no: ((0.0, 1.0), 2)},
    )
    policy = (await recommended(client, "ann", policy="adaptive")).json()["policy"]
    assert (policy["name"], policy["weights"]["batch"]) == ("adaptive", pytest.approx(0.7 / 4))
    learned = (await recommended(client, "ann", policy="learned")).json()["policy"]
    assert (learned["name"], learned["weights"]["batch"]) == ("fixed", 0.7)


async def test_what_is_wrong_with_weights_is_said_where_it_stands(
    client: httpx.AsyncClient, subtests: pytest.Subtests
) -> None:
    for query, where in (
        ({"weights": "batch"}, "query:weights"),
        ({"weights": "night:1"}, "query:weights"),
        ({"weights": "batch:0"}, "query:weights"),
        ({"weights": "batch:-1"}, "query:weights"),
        ({"weights": ["batch:1", "batch:2"]}, "query:weights"),
        ({"weights": "batch:1", "policy": "adaptive"}, "query:policy"),
        ({"policy": "best"}, "query:policy"),
        ({"sharpness": 0}, "query:sharpness"),
    ):
        with subtests.test(query=query):
            answer = await recommended(client, "ann", **query)
            assert answer.status_code == 422
            assert any(pointer.startswith(where) for pointer in faults(answer))
