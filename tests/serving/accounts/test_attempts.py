"""Who has to wait after wrong passwords, and who never has to for what others do."""

import asyncio
from contextlib import suppress
from itertools import product
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from serving.access.callers import Account
from serving.accounts.attempts import Attempt, AttemptLimits, Attempts, Counts, must_wait
from serving.postgres.store import Store
from serving.runtime.faults import RateLimitedError
from tests.serving.accounts.people import (
    People,
    from_address,
    sign_in,
    signed_in,
)
from tests.serving.conftest import Seeds, Start

LIMITS = AttemptLimits(of_pair=3, of_address=6, of_name=12)
WRONG = "a wrong password"


@pytest.fixture
async def app(
    start: Start, signing_keys_file: Path, monkeypatch: pytest.MonkeyPatch
) -> httpx.AsyncClient:
    """With lower limits, so that tests need fewer attempts."""
    monkeypatch.setattr("serving.account_parts.AttemptLimits", lambda: LIMITS)
    client = await start(signing_keys_file=signing_keys_file)
    client.headers["X-API-Key"] = ""
    return client


async def wrong(client: httpx.AsyncClient, name: str, times: int) -> list[int]:
    return [(await sign_in(client, name, WRONG)).status_code for _ in range(times)]


async def test_the_address_waits_that_tried_and_no_other(
    app: httpx.AsyncClient, people: People
) -> None:
    people.add("ann")
    people.add("bob")
    stranger, owner = from_address(app, "192.0.2.1"), from_address(app, "198.51.100.7")
    assert await wrong(stranger, "ann", 5) == [400, 400, 400, 429, 429]
    waits = await sign_in(stranger, "ANN")
    assert waits.status_code == 429, "the right password does not help whoever guesses"
    assert 0 < int(waits.headers["retry-after"]) <= 900
    assert (await sign_in(owner, "ann")).status_code == 200
    # Another name from there: what was refused has not counted for the address.
    assert (await sign_in(stranger, "bob")).status_code == 200


async def test_unknown_names_wait_in_the_same_way(app: httpx.AsyncClient, people: People) -> None:
    people.add("ann")
    answers: dict[str, list[httpx.Response]] = {}
    for number, name in enumerate(("ann", "nobody")):
        client = from_address(app, f"192.0.2.{number}")
        answers[name] = [await sign_in(client, name, WRONG) for _ in range(5)]
    for known, unknown in zip(*answers.values(), strict=True):
        assert known.status_code == unknown.status_code
        bodies = [answer.json() for answer in (known, unknown)]
        for body in bodies:
            body.pop("request_id")
        assert bodies[0] == bodies[1]
        assert known.headers.keys() == unknown.headers.keys()


async def test_one_address_tries_few_names(app: httpx.AsyncClient, people: People) -> None:
    people.add("ann")
    client = from_address(app, "192.0.2.1")
    statuses = [(await sign_in(client, f"name-{n}", WRONG)).status_code for n in range(8)]
    assert statuses == [400] * 6 + [429] * 2
    assert (await sign_in(client, "ann")).status_code == 429
    assert (await sign_in(from_address(app, "192.0.2.2"), "ann")).status_code == 200


async def test_an_address_that_waits_writes_nothing_whatever_names_it_tries(
    app: httpx.AsyncClient, seeds: Seeds
) -> None:
    for number in range(30):
        answer = await sign_in(app, f"name-{number}", WRONG)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= 900
    # Seven names at this address, six of which count from everywhere; and the address.
    assert seeds.count("sign_in_attempts") == 7 + 6 + 1


async def test_from_many_addresses_only_those_wait_where_the_account_is_not_known(
    app: httpx.AsyncClient, people: People
) -> None:
    people.add("ann")
    home = from_address(app, "198.51.100.7")
    await signed_in(home, "ann")
    for number in range(5):
        await wrong(from_address(app, f"192.0.2.{number}"), "ann", 3)
    assert (await sign_in(from_address(app, "203.0.113.1"), "ann")).status_code == 429
    for _ in range(3):
        assert (await sign_in(home, "ann")).status_code == 200


async def test_addresses_of_one_network_are_one(app: httpx.AsyncClient, people: People) -> None:
    people.add("ann")
    for number in range(3):
        await wrong(from_address(app, f"2001:db8::{number}"), "ann", 1)
    assert (await sign_in(from_address(app, "2001:db8::ffff"), "ann")).status_code == 429
    assert (await sign_in(from_address(app, "2001:db8:0:1::1"), "ann")).status_code == 200


async def test_who_mistypes_now_and_then_never_waits(
    app: httpx.AsyncClient, people: People
) -> None:
    people.add("ann")
    for _ in range(5):
        assert await wrong(app, "ann", 2) == [400, 400]
        assert (await sign_in(app, "ann")).status_code == 200


async def test_a_right_password_gives_back_no_more_than_was_counted(database_url: str) -> None:
    store = Store.at(database_url)
    attempts = Attempts(store, LIMITS)
    own = Attempt("own", "a")
    await attempts.count(Attempt("ann", "a"))
    found = await attempts.count(own)
    # More of the same name come while the password is looked at: they count for nothing else.
    for _ in range(2 * LIMITS.of_address):
        with suppress(RateLimitedError):
            await attempts.count(own)
    account = Account(1, "own", "viewer", None)
    assert found.account is None
    await attempts.note_right(own, account)
    of_address = text("select attempts from sign_in_attempts where attempt_key = :address_key")
    ((left,),) = await store.rows(of_address, {"address_key": own.keys()["address_key"]})
    await store.close()
    assert left == 1, "of another name"


async def test_many_at_once_are_not_more_than_allowed(
    app: httpx.AsyncClient, people: People
) -> None:
    people.add("ann")
    answers = await asyncio.gather(*(sign_in(app, "ann", WRONG) for _ in range(12)))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [400] * 3 + [429] * 9


async def test_after_a_quarter_of_an_hour_it_begins_anew(
    app: httpx.AsyncClient, people: People, seeds: Seeds
) -> None:
    people.add("ann")
    await wrong(app, "ann", 4)
    seeds.write(text("update sign_in_attempts set began_at = began_at - interval '15 minutes'"))
    assert await wrong(app, "ann", 4) == [400, 400, 400, 429]


async def test_what_is_kept_names_nobody(
    app: httpx.AsyncClient, people: People, seeds: Seeds
) -> None:
    people.add("ann")
    await wrong(from_address(app, "192.0.2.1"), "ann", 2)
    await signed_in(from_address(app, "192.0.2.1"), "ann")
    kept = seeds.write(text("select sign_in_attempts::text from sign_in_attempts")).scalars().all()
    kept += seeds.write(text("select account_addresses::text from account_addresses")).scalars()
    assert len(kept) == 4
    assert not any("192" in row and "ann" in row for row in kept)


counts = st.one_of(st.none(), st.integers(1, 50))


@given(counts, counts, counts)
def test_a_known_address_waits_for_its_own_attempts_only(
    of_pair: int | None, of_address: int | None, of_name: int | None
) -> None:
    known = must_wait(Counts(of_pair, of_address, of_name), LIMITS, is_known_address=True)
    unknown = must_wait(Counts(of_pair, of_address, of_name), LIMITS, is_known_address=False)
    assert unknown or not known
    of_pair_and_address = ((of_pair, LIMITS.of_pair), (of_address, LIMITS.of_address))
    assert known == any(count is None or count > most for count, most in of_pair_and_address)


async def test_attempts_count_up_to_each_limit_and_no_further(database_url: str) -> None:
    store = Store.at(database_url)
    attempts = Attempts(store, LIMITS)
    refused = 0
    for name, address in product(("ann", "bob"), ("a", "b")):
        for _ in range(4):
            try:
                await attempts.count(Attempt(name, address))
            except RateLimitedError:
                refused += 1
    await store.close()
    assert refused == 4
