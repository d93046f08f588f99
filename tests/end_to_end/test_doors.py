"""Who is not let in: web pages, other accounts, whoever does not know the password."""

import json
import os
import pwd
import subprocess
from typing import Any

import httpx
import psutil
import pytest
from websockets import Subprotocol
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.end_to_end.conftest import System

EVIL = {"Origin": "http://evil.example"}
SCRIPT = [{"prefect.deployments.steps.run_shell_script": {"script": "touch /tmp/done"}}]
DEPLOYMENT = {
    "name": "x",
    "flow_id": "00000000-0000-0000-0000-000000000000",
    "entrypoint": "flows/nightly.py:nightly",
    "work_pool_name": "tandem",
    "pull_steps": SCRIPT,
}


def stranger(system: System) -> httpx.Client:
    """Whoever does not know the password."""
    return httpx.Client(base_url=system.prefect.base_url, trust_env=False)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/flows/", {"name": "x"}),
        ("POST", "/deployments/", DEPLOYMENT),
        ("POST", "/flow_runs/filter", {}),
        ("GET", "/admin/settings", None),
        ("GET", "/admin/version", None),
    ],
)
def test_prefect_does_nothing_for_a_web_page_or_without_the_password(
    system: System, method: str, path: str, body: Any
) -> None:
    with stranger(system) as client:
        for headers in ({}, EVIL):
            refused = client.request(method, path, json=body, headers=headers)
            assert refused.status_code == 401
            assert "access-control-allow-origin" not in refused.headers
        wrong = client.request(method, path, json=body, auth=("tandem", "guessed"))
        assert wrong.status_code == 401


def test_a_preflight_grants_a_foreign_page_nothing_and_the_own_page_all_it_needs(
    system: System,
) -> None:
    asked = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,authorization",
    }
    own = str(system.prefect.base_url.copy_with(path="")).rstrip("/")
    with stranger(system) as client:
        refused = client.options("/deployments/", headers={**EVIL, **asked})
        granted = client.options("/deployments/", headers={"Origin": own, **asked})
    assert refused.status_code == 400
    assert "access-control-allow-origin" not in refused.headers
    assert granted.status_code == 200
    assert granted.headers["access-control-allow-origin"] == own


@pytest.mark.parametrize("path", ["/health", "/admin/settings"])
def test_a_foreign_name_for_this_machine_is_refused_even_with_the_password(
    system: System, path: str
) -> None:
    assert system.prefect.get(path, headers={"Host": "evil.example"}).status_code == 400
    assert system.prefect.get(path, headers={"Host": "localhost:1"}).status_code == 200


def test_the_password_and_the_keys_are_reported_nowhere_but_in_files(system: System) -> None:
    secrets = [
        (system.home / name).read_text()
        for name in ("prefect.password", "first_key", "diagnose_key")
    ]
    output = system.output.read_text()
    assert str(system.home / "prefect.password") in output
    assert str(system.home / "first_key") in output
    logs = [path.read_text(errors="replace") for path in (system.home / "logs").iterdir()]
    arguments = [
        " ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])
    ]
    for secret in secrets:
        assert all(secret not in text for text in (output, *logs, *arguments))


def test_the_first_key_does_not_administer(system: System) -> None:
    headers = {"X-API-Key": (system.home / "first_key").read_text()}
    assert system.api.get("/v1/admin/diagnose", headers=headers).status_code == 403


def test_nothing_in_the_home_folder_is_open_to_others(system: System) -> None:
    folders = (system.home / "logs", system.home / "prefect", system.home / "redis")
    inside = (path for folder in folders for path in folder.rglob("*"))
    for path in (*system.home.iterdir(), *inside):
        assert path.lstat().st_mode & 0o077 == 0, path
    # The account PostgreSQL runs as may go through the folder to its data.
    assert system.home.stat().st_mode & 0o767 == 0o700


READ_ALL = """
for path; do
    if [ -d "$path" ]; then ls -A "$path"; else cat "$path"; fi >/dev/null 2>&1 && echo "$path"
done
exit 0
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another account")
@pytest.mark.parametrize("account", ["nobody", "pgserver"])
def test_no_other_account_reads_logs_keys_state_or_prefects_database(
    system: System, account: str
) -> None:
    paths = [
        system.home,
        *(
            system.home / name
            for name in (
                "logs",
                "logs/api.log",
                "prefect/prefect.db",
                "first_key",
                "diagnose_key",
                "prefect.password",
                "state.json",
            )
        ),
    ]
    assert all(path.exists() for path in paths)
    entry = pwd.getpwnam(account)
    done = subprocess.run(
        ["/bin/sh", "-c", READ_ALL, "sh", *map(str, paths)],
        user=entry.pw_uid,
        group=entry.pw_gid,
        extra_groups=[],
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == ""


def test_no_process_asks_the_proxy_of_the_environment(system: System) -> None:
    assert system.run("diagnose").returncode == 0
    assert system.json("status")["schedules"]
    assert system.proxy.asked == []


@pytest.mark.parametrize("token", [None, "tandem:guessed"])
def test_prefects_websockets_ask_for_the_password_too(system: System, token: str | None) -> None:
    url = str(system.prefect.base_url).replace("http://", "ws://")
    with connect(f"{url}events/out", subprotocols=[Subprotocol("prefect")], proxy=None) as socket:
        socket.send(json.dumps({"type": "auth", "token": token}))
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=20)
