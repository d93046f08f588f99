"""A password in a file is part of the address, whatever characters it has."""

from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr, ValidationError
from redis.connection import parse_url

from serving.settings import ServingSettings
from speed.settings import RedisSettings
from sql.engine import driver_url
from sql.passwords import masked, with_password
from sql.settings import DatabaseSettings, OwnerSettings, PooledDatabaseSettings
from stack.settings import StackSettings

ODD = "p@ss/w?o:r#d %41+é\"'\\"


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    file = tmp_path / "password"
    file.write_text(f"{ODD}\n", encoding="utf-8")
    return file


@pytest.mark.parametrize(
    "address", ["postgresql://ann@db/tandem", "postgresql+psycopg://ann@db:5433/tandem?host=a%2Fb"]
)
def test_libpq_and_sqlalchemy_read_the_password_that_was_meant(address: str, odd: Path) -> None:
    full = with_password(SecretStr(address), odd).get_secret_value()
    assert driver_url(full).password == ODD
    assert driver_url(full).database == "tandem"
    parsed = conninfo_to_dict(full.replace("+psycopg", ""))
    assert (parsed["user"], parsed["password"], parsed["dbname"]) == ("ann", ODD, "tandem")


@pytest.mark.parametrize("address", ["redis://redis:6379/0", "redis://ann@redis:6379/0"])
def test_redis_reads_the_password_that_was_meant(address: str, odd: Path) -> None:
    parsed = parse_url(with_password(SecretStr(address), odd).get_secret_value())
    assert (parsed["host"], parsed["port"], parsed["db"], parsed["password"]) == (
        "redis",
        6379,
        0,
        ODD,
    )


def test_without_a_file_nothing_changes() -> None:
    address = SecretStr("postgresql://ann:secret@db/tandem")
    assert with_password(address, None) is address


def test_two_passwords_and_none_are_refused(tmp_path: Path, odd: Path) -> None:
    with pytest.raises(ValueError, match="keep one"):
        with_password(SecretStr("postgresql://ann:secret@db/tandem"), odd)
    with pytest.raises(ValueError, match="cannot be read"):
        with_password(SecretStr("postgresql://ann@db/tandem"), tmp_path / "nothing")
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(ValueError, match="is empty"):
        with_password(SecretStr("postgresql://ann@db/tandem"), tmp_path / "empty")


def test_every_part_reads_the_files(odd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    databases = ("DATABASE", "DATABASE_OWNER", "DATABASE_ANALYST", "READ_DATABASE")
    for name in (*databases, "POOLED_DATABASE"):
        monkeypatch.setenv(f"{name}_URL", f"postgresql://{name.lower()}@db/tandem")
        monkeypatch.setenv(f"{name}_PASSWORD_FILE", str(odd))
    monkeypatch.setenv("REDIS_URL", "redis://redis:6379/0")
    monkeypatch.setenv("REDIS_PASSWORD_FILE", str(odd))
    stack, serving, owner = StackSettings(), ServingSettings(), OwnerSettings()
    assert stack.external_database is not None
    assert serving.read_database_url is not None
    addresses = [
        DatabaseSettings().database_url.get_secret_value(),
        serving.database_url.get_secret_value(),
        serving.read_database_url.get_secret_value(),
        serving.transactions_url,
        PooledDatabaseSettings().transactions_url,
        owner.owner_url,
        *owner.logins,
        stack.external_database.app,
        stack.external_database.owner,
        str(stack.external_database.analyst),
    ]
    assert {driver_url(address).password for address in addresses} == {ODD}
    assert driver_url(owner.owner_url).username == "database_owner"
    for url in (RedisSettings().redis_url, serving.redis_url):
        assert parse_url(url.get_secret_value())["password"] == ODD
    assert parse_url(str(stack.external_redis_url))["password"] == ODD


def test_an_empty_setting_is_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://ann@db/tandem")
    monkeypatch.setenv("REDIS_URL", "redis://redis:6379/0")
    monkeypatch.setenv("DATABASE_PASSWORD_FILE", "")
    monkeypatch.setenv("REDIS_PASSWORD_FILE", "")
    assert DatabaseSettings().database_password_file is None
    assert ServingSettings().redis_password_file is None


def test_the_password_is_in_no_error_message(odd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://ann:topsecret@db/tandem")
    monkeypatch.setenv("DATABASE_PASSWORD_FILE", str(odd))
    with pytest.raises(ValidationError) as refused:
        DatabaseSettings()
    assert "topsecret" not in refused.value.errors(include_input=False)[0]["msg"]
    assert "topsecret" not in str(refused.value)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://ann:secret@db/tandem", "postgresql://ann:***@db/tandem"),
        ("redis://:se@cret@redis:6379/0", "redis://:***@redis:6379/0"),
        ("postgresql://ann@/tandem?host=%2Ftmp", "postgresql://ann@/tandem?host=%2Ftmp"),
        ("unix:///tmp/redis.sock", "unix:///tmp/redis.sock"),
    ],
)
def test_an_address_is_shown_without_its_password(address: str, shown: str) -> None:
    assert masked(address) == shown
