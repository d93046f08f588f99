"""Sessions and links under concurrency, and statements that are sent twice."""

import uuid
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from sql.statements import statements
from tests.removals import waiting

ACCOUNTS = statements("accounts")
AUDIT = {"actor": "test", "act": "test", "request_id": None}


@pytest.fixture
def account_id(engine: Engine) -> int:
    with engine.begin() as connection:
        return made(connection, "ann", "viewer")


def made(connection: Connection, name: str, role: str) -> int:
    given = {"name": name, "name_key": name, "password_hash": "hash", "role": role, "user_id": None}
    return int(connection.execute(ACCOUNTS["store_account"], {**given, **AUDIT}).scalar_one())


def begun(connection: Connection, account_id: int, **more: Any) -> Any:
    given = {
        "session_id": uuid.uuid4(), "account_id": account_id, "verified_hash": "hash",
        "kind": "token", "secret_hash": None, "session_seconds": 1000.0, "refresh_hash": b"1",
        "refresh_seconds": 100.0, "most": 50, **more,
    }  # fmt: skip
    return connection.execute(ACCOUNTS["start_session"], given).one_or_none()


def disabled(connection: Connection, account_id: int) -> Any:
    given = {"account_id": account_id, "role": None, "disabled": True, **AUDIT}
    return connection.execute(ACCOUNTS["change_account"], given).one()


def value(engine: Engine, query: str) -> Any:
    with engine.connect() as connection:
        return connection.execute(text(query)).scalar_one()


def test_a_session_that_begins_while_its_account_is_disabled_ends_with_the_others(
    engine: Engine, account_id: int
) -> None:
    with engine.connect() as beginning:
        assert begun(beginning, account_id) is not None
        with waiting(engine, lambda connection: disabled(connection, account_id)) as ended:
            beginning.commit()
    assert ended.result().ended_sessions == 1
    assert value(engine, "select count(*) from sessions where ended_at is null") == 0
    subjects = "select count(*) from token_revocations join sessions on subject = "
    assert value(engine, f"{subjects} session_subject(session_id)") == 1
    with engine.begin() as connection:
        assert begun(connection, account_id, refresh_hash=b"2") is None


def test_nobody_is_signed_in_by_a_password_that_was_changed_meanwhile(
    engine: Engine, account_id: int
) -> None:
    with engine.begin() as connection:
        assert begun(connection, account_id, verified_hash="another") is None
        assert begun(connection, account_id) is not None


def test_what_is_sent_twice_is_done_once(engine: Engine, account_id: int) -> None:
    """As the store does where a connection turns out to be dead."""
    session = {"session_id": uuid.uuid4()}
    rotation = {"token_hash": b"1", "new_hash": b"2", "refresh_seconds": 100.0}
    link = {"link_hash": b"3", "role": "viewer", "seconds": 10.0, **AUDIT}
    reset = {"link_hash": b"4", "account_id": account_id, "seconds": 10.0, **AUDIT}
    for _ in range(2):
        with engine.begin() as connection:
            assert begun(connection, account_id, **session) is not None
    for _ in range(2):
        with engine.begin() as connection:
            row = connection.execute(ACCOUNTS["rotate_refresh_token"], rotation).one()
            assert (row.is_rotated, row.is_reused) == (True, False)
            assert connection.execute(ACCOUNTS["store_invitation"], link).one().expires_at
            assert connection.execute(ACCOUNTS["store_reset_link"], reset).one().expires_at
    assert value(engine, "select count(*) from sessions") == 1
    assert value(engine, "select count(*) from refresh_tokens") == 2
    assert value(engine, "select count(*) from audit_log") == 3
    with engine.begin() as connection:
        stolen = {**rotation, "new_hash": b"5"}
        row = connection.execute(ACCOUNTS["rotate_refresh_token"], stolen).one()
        assert (row.is_rotated, row.is_reused) == (False, True)


def test_two_admins_are_not_removed_by_each_other(engine: Engine) -> None:
    with engine.begin() as connection:
        first, second = made(connection, "a", "admin"), made(connection, "b", "admin")

    def remove(connection: Connection) -> Any:
        given = {"account_id": first, **AUDIT}
        return connection.execute(ACCOUNTS["remove_account"], given).scalar_one()

    with engine.connect() as connection:
        assert disabled(connection, second).changed
        with waiting(engine, remove) as removed:
            connection.commit()
    assert removed.result() is False
    assert value(engine, "select count(*) from accounts where disabled_at is null") == 1
