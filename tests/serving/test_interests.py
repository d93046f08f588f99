"""What users say of themselves: kept, and given back."""

import httpx
import pytest
from sqlalchemy import Engine, text

from tests.passes import fold_all
from tests.serving.conftest import Seeds, event, faults, ids, recommended, send
from tests.serving.declared import films, publish_robots_and_noir, put


@pytest.fixture
def run_id(engine: Engine, film_nos: list[int]) -> int:
    return publish_robots_and_noir(engine, film_nos)


@pytest.mark.usefixtures("run_id")
async def test_what_is_said_of_a_user_is_given_back(client: httpx.AsyncClient) -> None:
    interests = {"words": ["robots", "  film   noir ", "submarines"], "items": ["film-3", "film-1"]}
    stored = await put(client, attributes={"country": "NL"}, interests=interests)
    assert stored.status_code == 201, stored.text
    answer = await client.get("/v1/users/ann")
    assert answer.status_code == 200
    assert answer.json() == stored.json()
    assert answer.json()["attributes"] == {"country": "NL"}
    assert answer.json()["interests"] == {
        "words": [
            {"word": "robots", "known": True},
            {"word": "film noir", "known": True},
            {"word": "submarines", "known": False},
        ],
        "items": ["film-3", "film-1"],
    }


async def test_a_number_of_any_size_is_given_back(client: httpx.AsyncClient) -> None:
    await put(client, attributes={"a": 1e30})
    answer = await client.get("/v1/users/ann")
    assert answer.status_code == 200
    assert float(answer.json()["attributes"]["a"]) == pytest.approx(1e30)


async def test_before_the_first_run_words_are_kept_and_unknown(client: httpx.AsyncClient) -> None:
    stored = await put(client, interests={"words": ["robots"]})
    assert stored.json()["interests"]["words"] == [{"word": "robots", "known": False}]
    assert ids(await recommended(client, "ann", limit=5))


@pytest.mark.usefixtures("run_id")
async def test_the_same_said_twice_is_harmless(client: httpx.AsyncClient, engine: Engine) -> None:
    first = await put(client, interests={"words": ["robots"], "items": ["film-3"]})
    fold_all(engine)
    second = await put(client, interests={"words": ["robots"], "items": ["film-3"]})
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json() == first.json()
    with engine.connect() as connection:
        assert connection.execute(text("select count(*) from user_interests")).scalar_one() == 1


@pytest.mark.usefixtures("run_id")
async def test_what_is_left_out_is_taken_back(client: httpx.AsyncClient) -> None:
    await put(client, attributes={"a": 1}, interests={"words": ["robots"], "items": ["film-3"]})
    assert 3 not in films(await recommended(client, "ann", limit=30))
    assert (await put(client)).status_code == 200
    user = (await client.get("/v1/users/ann")).json()
    assert (user["attributes"], user["interests"]) == ({}, {"words": [], "items": []})
    assert 3 in films(await recommended(client, "ann", limit=30))


@pytest.mark.usefixtures("run_id")
async def test_what_declaring_answers_is_what_reading_answers(client: httpx.AsyncClient) -> None:
    for fields in ({}, {"words": ["noir"]}, {"words": ["noir"]}, {"items": ["film-3"]}, {}):
        stored = await put(client, interests=fields)
        assert stored.json() == (await client.get("/v1/users/ann")).json()


async def test_a_user_nobody_knows_is_not_found(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/users/nobody")
    assert answer.status_code == 404
    assert answer.json()["type"] == "urn:tandem:problem:unknown-user"


async def test_a_user_known_by_events_is_found(client: httpx.AsyncClient) -> None:
    await send(client, event("ann", 1))
    user = (await client.get("/v1/users/ann")).json()
    assert user["interests"] == {"words": [], "items": []}
    assert user["declared_at"] is None


async def test_unknown_items_are_named_and_nothing_is_stored(client: httpx.AsyncClient) -> None:
    answer = await put(client, interests={"items": ["film-1", "no-film"], "words": ["robots"]})
    assert answer.status_code == 422
    assert list(faults(answer)) == ["/interests/items/1"]
    assert "'no-film'" in faults(answer)["/interests/items/1"]
    assert (await client.get("/v1/users/ann")).status_code == 404


async def test_bad_input_says_where(client: httpx.AsyncClient, subtests: pytest.Subtests) -> None:
    for fields, where in (
        ({"interests": {"words": ["x"] * 51}}, "/interests/words"),
        ({"interests": {"words": ["x" * 201]}}, "/interests/words/0"),
        ({"interests": {"words": ["   "]}}, "/interests/words/0"),
        ({"interests": {"words": ["a\u0000b"]}}, "/interests/words/0"),
        ({"interests": {"words": "robots"}}, "/interests/words"),
        ({"interests": {"items": ["film-1"] * 51}}, "/interests/items"),
        ({"interests": {"genres": []}}, "/interests/genres"),
        ({"attributes": [1]}, "/attributes"),
        ({"interest": ["robots"]}, "/interest"),
    ):
        with subtests.test(fields=fields):
            answer = await put(client, **fields)
            assert answer.status_code == 422, answer.text
            assert where in faults(answer)


async def test_declaring_needs_the_scope_users_and_asking_the_scope_read(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    read = {"X-API-Key": seeds.key("read", name="reader")}
    write = {"X-API-Key": seeds.key("users", name="writer")}
    assert (await client.put("/v1/users/ann", json={}, headers=read)).status_code == 403
    assert (await client.put("/v1/users/ann", json={}, headers=write)).status_code == 201
    assert (await client.get("/v1/users/ann", headers=write)).status_code == 200
    assert (await client.get("/v1/users/ann", headers=read)).status_code == 403
    path = "/v1/users/ann/recommendations"
    assert (await client.get(path, headers=write)).status_code == 403
    assert (await client.get(path, headers=read)).status_code == 200


async def test_a_user_id_may_hold_slashes(client: httpx.AsyncClient) -> None:
    assert (await put(client, "a/b%2Fc")).status_code == 201
    assert (await client.get("/v1/users/a/b%2Fc")).json()["user_id"] == "a/b/c"


@pytest.mark.usefixtures("run_id")
async def test_declaring_succeeds_though_the_user_is_forgotten_right_after(
    client: httpx.AsyncClient, engine: Engine
) -> None:
    # Whoever is made is forgotten before anything else can read them.
    with engine.begin() as connection:
        connection.execute(
            text(
                "create function forget_at_once() returns trigger language plpgsql as $$"
                " begin delete from users where user_no = new.user_no; return null; end $$"
            )
        )
        connection.execute(
            text(
                "create constraint trigger forget_at_once after insert on users"
                " deferrable initially deferred for each row execute function forget_at_once()"
            )
        )
    interests = {"words": ["robots", "submarines"], "items": ["film-3"]}
    stored = await put(client, attributes={"country": "NL"}, interests=interests)
    assert stored.status_code == 201, stored.text
    assert (await client.get("/v1/users/ann")).status_code == 404
    user = stored.json()
    assert user["attributes"] == {"country": "NL"}
    assert user["interests"]["items"] == ["film-3"]
    assert [word["known"] for word in user["interests"]["words"]] == [True, False]
    assert user["declared_at"] == user["created_at"]
