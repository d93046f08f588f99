"""`tandem key`, `tandem audit` and `tandem token`, against a real database."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from serving.access.signing_keys import read_signing_keys
from stack.cli.key.create import expiry
from tests.stack.cli.test_command_line import external, home, json_of, tandem

__all__ = ["external", "home"]


def execute(database_url: str, statement: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute(statement.encode())


def test_an_end_is_understood_as_days_or_as_a_date() -> None:
    now = datetime(2026, 5, 1, 12, tzinfo=UTC)
    assert expiry("90d", now) == now + timedelta(days=90)
    assert expiry("2027-01-31", now) == datetime(2027, 1, 31, tzinfo=UTC)


@pytest.mark.parametrize(
    "given", ["", "90", "0d", "-1d", "1.5d", "90D", "tomorrow", "2027-02-30", "2027-1-3",
              "20270131", "2020-01-01", "99999d", "1234567d", "2027-01-31T00:00"],
)  # fmt: skip
def test_another_end_is_refused_in_one_line(external: str, given: str) -> None:
    result = tandem("key", "create", "--name", "app", "--expires", given)
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert json_of("key", "list") == []


def test_a_key_has_the_limit_and_the_end_that_were_asked_for(external: str) -> None:
    made = json_of("key", "create", "--name", "app", "--expires", "90d", "--limit", "600")
    assert set(made) >= {"key", "name", "scopes"}
    (listed,) = json_of("key", "list")
    assert set(listed) >= {"name", "scopes", "created_at", "revoked_at"}
    assert (listed["limit"], listed["prefix"]) == (600, made["key"][:12])
    assert listed["expires_at"] == made["expires_at"]
    left = datetime.fromisoformat(made["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=89) < left <= timedelta(days=90)


def test_a_name_that_looks_like_markup_is_listed_as_it_is(external: str) -> None:
    scopes = [word for scope in ("read", "write", "users", "token", "admin")
              for word in ("--scope", scope)]  # fmt: skip
    tandem("key", "create", "--name", "the backend of the [bold] shop", *scopes, "--limit", "600")
    tandem("key", "create", "--name", "app", "--expires", "2099-01-31")
    tandem("key", "revoke", "app")
    execute(external, "update api_keys set last_used_at = '2026-05-01' where name = 'app'")
    shown = tandem("key", "list").stdout
    assert len(shown.splitlines()) == 3, shown
    for known in ("[bold]", "tdm_", "token", "600", "never", "revoked", "2026-05-01"):
        assert known in shown, shown


def test_a_key_is_revoked_by_its_name_its_prefix_or_itself(external: str) -> None:
    keys = {
        name: json_of("key", "create", "--name", name)["key"] for name in ("one", "two", "three")
    }
    for name, named in (("one", "one"), ("two", keys["two"][:12]), ("three", keys["three"])):
        done = tandem("key", "revoke", named)
        assert (done.exit_code, f"{name} (" in done.stdout) == (0, True)
        again = tandem("key", "revoke", named)
        assert (again.exit_code, "was revoked before" in again.stdout) == (0, True)
        assert keys[name] not in done.output + again.output
    assert all(key["revoked_at"] for key in json_of("key", "list"))


def test_a_beginning_that_several_keys_have_is_refused_by_naming_them(external: str) -> None:
    for name in ("one", "two"):
        tandem("key", "create", "--name", name)
    refused = tandem("key", "revoke", "tdm_")
    assert refused.exit_code == 1
    assert "one (tdm_" in refused.stderr
    assert "two (tdm_" in refused.stderr
    assert not any(key["revoked_at"] for key in json_of("key", "list"))
    tandem("key", "revoke", "one")
    assert "two (tdm_" in tandem("key", "revoke", "tdm_").stdout


@pytest.mark.parametrize("named", ["nobody", "", "tdm_nothing", "%", "ap", "tdm_" + "a" * 43])
def test_what_no_key_is_called_is_said_and_no_whole_key_is(external: str, named: str) -> None:
    tandem("key", "create", "--name", "app")
    refused = tandem("key", "revoke", named)
    assert refused.exit_code == 1
    assert "No key has the name or the prefix" in refused.stderr
    assert "a" * 43 not in refused.stderr


def test_the_audit_log_tells_what_commands_did(
    external: str, owner_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_OWNER_URL", owner_url)
    assert "Nothing was administered yet" in tandem("audit").stdout
    key = json_of("key", "create", "--name", "app")["key"]
    tandem("key", "revoke", "app")
    Path("items.csv").write_text("item_id,title\nfilm-1,One\n")
    tandem("load", "items.csv")
    for _ in range(2):
        assert tandem("load", "--undo", "1").exit_code == 0
    assert tandem("kind", "set", "share", "--weight", "2").exit_code == 0
    assert tandem("kind", "set", "share", "--weight", "2").exit_code == 0
    assert tandem("kind", "set", "share", "--weight", "3").exit_code == 0
    assert tandem("empty", "--confirm", "empty").exit_code == 0
    entries = json_of("audit")
    assert [(entry["act"], entry["subject"]) for entry in entries] == [
        ("empty", "everything"),
        ("change kind", "share"),
        ("create kind", "share"),
        ("undo load", "load 1"),
        ("end key", "app"),
        ("create key", "app"),
    ]
    assert entries[1]["details"] == {"weight": 3.0}
    assert {entry["actor"] for entry in entries} == {entries[0]["actor"]}
    assert entries[0]["actor"].startswith("command line, ")
    shown = tandem("audit", "--most", "2").stdout
    assert "change kind" in shown
    assert "create kind" not in shown
    assert key not in tandem("audit", "--json").stdout
    (oldest,) = json_of("audit", "--before", str(entries[-2]["audit_id"]))
    assert oldest == entries[-1]


def test_signing_keys_are_made_and_rotated_and_what_happens_when_is_said(home: Path) -> None:
    home.mkdir()
    file = home / "signing_keys.json"
    first = tandem("token", "rotate")
    assert first.exit_code == 0, first.output
    assert "first key" in first.stdout
    assert file.stat().st_mode & 0o777 == 0o600
    (before,) = read_signing_keys(file)
    second = tandem("token", "rotate")
    assert "signs from" in second.stdout
    assert f"Tokens of {before.key_id}, before it, are taken until" in second.stdout
    other = home / "other.json"
    rotated = json_of("token", "rotate", "--file", str(other))
    assert (rotated["file"], rotated["ends"]) == (str(other), {})
    shown = [first.stdout, second.stdout, json.dumps(rotated)]
    for written in (file, other):
        for entry in json.loads(written.read_text()):
            assert not any(entry["secret"] in text for text in shown)


def test_a_file_that_is_none_of_signing_keys_is_left_as_it_is(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.mkdir()
    file = home / "notes.json"
    file.write_text("mine")
    monkeypatch.setenv("TANDEM_SIGNING_KEYS_FILE", str(file))
    refused = tandem("token", "rotate")
    assert refused.exit_code == 1
    assert "no file of signing keys" in refused.stderr
    assert file.read_text() == "mine"
    nowhere = tandem("token", "rotate", "--file", str(home / "nowhere" / "keys.json"))
    assert nowhere.exit_code == 1
    assert len(nowhere.stderr.splitlines()) == 1
