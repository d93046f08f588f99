"""Preferences as PostgreSQL stores them."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from sql.statements import statements
from tests.waiting import statements_waiting, wait_until


def put(engine: Engine, user_id: str) -> None:
    preference = {"preference_id": "1", "category": "war", "direction": "more"}
    asked = {"user_id": user_id, "preference": json.dumps(preference), "most": 1}
    with engine.begin() as connection:
        connection.execute(statements("preferences")["put_preference"], asked)


def test_a_user_who_is_merged_meanwhile_gets_no_preference(engine: Engine) -> None:
    with ThreadPoolExecutor() as pool:
        with engine.begin() as connection:
            connection.execute(text("insert into users (user_id) values ('ann'), ('bob')"))
            putting = pool.submit(put, engine, "ann")
            wait_until(lambda: statements_waiting(engine, "put_preference"))
            connection.execute(
                text(
                    "insert into merged_users (from_user_id, from_user_no, user_no)"
                    " select 'ann', merged.user_no, bob.user_no from users as merged, users as bob"
                    " where merged.user_id = 'ann' and bob.user_id = 'bob'"
                )
            )
            connection.execute(text("delete from users where user_id = 'ann'"))
        with pytest.raises(DBAPIError, match="merged into another"):
            putting.result()
    with engine.connect() as connection:
        assert connection.execute(text("select count(*) from preferences")).scalar_one() == 0
        assert connection.execute(text("select array_agg(user_id) from users")).scalar_one() == [
            "bob"
        ]
