"""`tandem psql` comes as the analyst, and as the owner when it is asked to."""

import os
import subprocess
import sys
from pathlib import Path

from stack.local.servers.postgres import PostgresServer

TANDEM = str(Path(sys.executable).with_name("tandem"))
WHO = ("-X", "-A", "-t", "-c", "select current_user")


def psql(tmp_path: Path, *arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    kept = {n: v for n, v in os.environ.items() if not n.startswith(("DATABASE_", "REDIS_"))}
    return subprocess.run(
        [TANDEM, "psql", *arguments],
        env={**kept, "TANDEM_HOME": str(tmp_path / "home"), **settings},
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_on_a_server_of_ones_own_it_comes_as_the_role_it_was_told_of(
    tmp_path: Path, database_url: str, owner_url: str, postgres: PostgresServer, database_name: str
) -> None:
    known = {
        "DATABASE_URL": database_url,
        "DATABASE_OWNER_URL": owner_url,
        "DATABASE_ANALYST_URL": postgres.url(database_name, "analyst"),
    }
    asked = psql(tmp_path, *WHO, **known)
    assert asked.stdout.strip() == "analyst", asked.stderr
    assert "analyst" in asked.stderr
    assert "60 s" in asked.stderr
    assert "--owner" in asked.stderr
    assert psql(tmp_path, "--owner", *WHO, **known).stdout.strip() == "tandem_owner"
    refused = psql(tmp_path, "-X", "-c", "select * from public.users", **known)
    assert "permission denied" in refused.stderr


def test_without_a_way_in_as_analyst_it_says_how_to_name_one(
    tmp_path: Path, database_url: str
) -> None:
    asked = psql(tmp_path, *WHO, DATABASE_URL=database_url)
    assert asked.returncode == 1
    assert "DATABASE_ANALYST_URL" in asked.stderr
    assert "--owner" in asked.stderr


def test_the_embedded_server_knows_both(tmp_path: Path, socket_folder: Path) -> None:
    home = {"TANDEM_HOME": str(socket_folder / "home")}
    asked = psql(tmp_path, *WHO, **home)
    assert asked.stdout.strip() == "analyst", asked.stderr
    assert psql(tmp_path, "--owner", *WHO, **home).stdout.strip() == "tandem_owner"
    password = socket_folder / "home" / "analyst.password"
    assert password.stat().st_mode & 0o777 == 0o600
