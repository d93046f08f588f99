"""Accounts from the command line, and what is left of sign-ins when they are over."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text
from typer.testing import CliRunner, Result

from domain.errors import InvalidInputError
from serving.access.random_tokens import hash_token
from serving.accounts.passwords import is_password
from sql.expired_sign_ins import clear_expired_sign_ins
from sql.statements import statements
from stack.accounts import create_account, first_admin_link
from stack.cli import app
from stack.cli.account import create

PASSWORD = "correct horse battery staple"


@pytest.fixture(autouse=True)
def external(tmp_path: Any, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database of the test in place of the embedded one; no settings of the machine."""
    monkeypatch.chdir(tmp_path)
    for name in ("REDIS_URL", "TANDEM_API_PORT", "TANDEM_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TANDEM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DATABASE_URL", database_url)


def tandem(*arguments: str, **more: Any) -> Result:
    return CliRunner().invoke(app, ["account", *arguments], **more)


def values(engine: Engine, query: str) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(text(query)).scalars())


def test_an_account_is_made_with_a_password_that_is_asked_for_twice(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(create, "_is_terminal", lambda: True)
    done = tandem("create", "Boss", "--role", "admin", input=f"{PASSWORD}\n{PASSWORD}\n")
    assert done.exit_code == 0, done.output
    assert "Boss can sign in as admin." in done.stdout
    assert PASSWORD not in done.output
    (stored,) = values(engine, "select password_hash from accounts")
    assert is_password(PASSWORD, stored)
    assert "$argon2id$v=19$m=65536,t=3,p=4$" in stored
    (actor,) = values(engine, "select actor from audit_log where act = 'create account'")
    assert actor.startswith("command line, ")
    again = tandem("create", "BOSS", input=f"{PASSWORD}\n{PASSWORD}\n")
    assert (again.exit_code, "BOSS" in again.stderr) == (1, True)


def test_without_a_terminal_there_is_a_link_and_no_default_password(engine: Engine) -> None:
    refused = tandem("create", "boss")
    assert (refused.exit_code, "--link" in refused.stderr) == (1, True)
    assert values(engine, "select count(*) from accounts") == [0]
    done = tandem("create", "boss", "--role", "admin", "--link", "--json")
    made = json.loads(done.stdout)
    address, _, token = made["link"].partition("#reset=")
    assert address == "http://127.0.0.1:8000/sign-in"
    (link_hash,) = values(engine, "select link_hash from account_links")
    assert bytes(link_hash) == hash_token(token)
    assert values(engine, "select password_hash from accounts") == [None]


@pytest.mark.parametrize(
    ("name", "role", "password"),
    [
        ("boss", "owner", PASSWORD),
        ("boss", "user", PASSWORD),
        ("", "admin", PASSWORD),
        ("a" * 201, "admin", PASSWORD),
        ("boss", "admin", "short"),
    ],
)
def test_what_no_account_can_have_is_refused(
    engine: Engine, name: str, role: str, password: str
) -> None:
    with engine.begin() as connection, pytest.raises(InvalidInputError):
        create_account(connection, name, role, password)


def test_accounts_are_listed_disabled_and_reset(engine: Engine) -> None:
    with engine.begin() as connection:
        create_account(connection, "boss", "admin", PASSWORD)
        create_account(connection, "ann", "viewer", None)
    listed = json.loads(tandem("list", "--json").stdout)
    assert [(each["name"], each["has_password"]) for each in listed] == [
        ("boss", True),
        ("ann", False),
    ]
    assert "no password yet" in tandem("list").stdout
    reset = tandem("reset", "ANN")
    assert reset.stdout.startswith("http://127.0.0.1:8000/sign-in#reset=tdl_")
    answer = json.loads(tandem("reset", "ann", "--json").stdout)
    assert answer["name"] == "ann"
    assert answer["link"].startswith("http://127.0.0.1:8000/sign-in#reset=tdl_")
    assert tandem("disable", "ann").exit_code == 0
    for arguments in (("reset", "ann"), ("disable", "boss"), ("disable", "nobody")):
        refused = tandem(*arguments)
        assert refused.exit_code == 1, arguments
        assert len(refused.stderr.splitlines()) == 1
    assert "disabled" in tandem("list").stdout


def test_the_first_admin_is_invited_until_there_is_one(engine: Engine) -> None:
    with engine.begin() as connection:
        first, second = first_admin_link(connection), first_admin_link(connection)
        assert first is not None
        assert second is not None
        assert second.path == f"/sign-in#invitation={second.token}"
        assert second.expires_at - datetime.now(UTC) <= timedelta(hours=1)
    # One that was shown before is no good any more.
    (kept,) = values(engine, "select link_hash from account_links")
    assert bytes(kept) == hash_token(second.token)
    with engine.begin() as connection:
        create_account(connection, "never came", "admin", None)
        assert first_admin_link(connection) is not None
        create_account(connection, "boss", "admin", PASSWORD)
        assert first_admin_link(connection) is None


def test_what_is_over_is_cleared_away_and_the_rest_stays(
    engine: Engine, app_engine: Engine
) -> None:
    with engine.begin() as connection:
        boss = create_account(connection, "boss", "admin", PASSWORD)
        for days in (-2, 2):
            at = f"now() + interval '{days} days'"
            for number in range(30):
                connection.execute(
                    text(
                        "with made as ("
                        "insert into sessions (session_id, account_id, kind, expires_at)"
                        f" values (gen_random_uuid(), {boss}, 'token', {at}) returning session_id)"
                        " insert into refresh_tokens (token_hash, session_id, expires_at)"
                        f" select '{days}-{number}', session_id, {at} from made"
                    )
                )
            connection.execute(
                text(
                    "insert into account_links (link_hash, purpose, role, created_by, expires_at)"
                    f" values ('{days}', 'invitation', 'viewer', 'x', {at});"
                    "insert into sign_in_attempts (attempt_key, began_at, attempts)"
                    f" values ('{days}', {at}, 1);"
                    "insert into account_addresses (account_id, address_hash, last_at)"
                    f" values ({boss}, '{days}', now() + interval '{days * 50} days');"
                    f"insert into token_revocations (subject, revoked_at) values ('{days}', {at})"
                )
            )
    assert clear_expired_sign_ins(app_engine.begin, 7) >= 34
    assert clear_expired_sign_ins(app_engine.begin, 7) == 0
    for table, rows in (
        ("sessions", 30),
        ("refresh_tokens", 30),
        ("account_links", 1),
        ("sign_in_attempts", 1),
        ("account_addresses", 1),
        ("token_revocations", 1),
        ("accounts", 1),
    ):
        assert values(engine, f"select count(*) from {table}") == [rows], table


def test_who_empties_the_store_keeps_the_team_and_no_end_user(engine: Engine) -> None:
    with engine.begin() as connection:
        create_account(connection, "boss", "admin", PASSWORD)
        connection.execute(
            text(
                "insert into accounts (name, name_key, role, user_id)"
                " values ('ann', 'ann', 'user', 'u_ann')"
            )
        )
        connection.execute(statements("stack")["empty_store"])
    assert values(engine, "select name from accounts") == ["boss"]
    assert len(values(engine, "select act from audit_log")) == 1
