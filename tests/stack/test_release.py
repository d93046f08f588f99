"""A release: what `make release` makes is installed elsewhere and works, of itself alone."""

import hashlib
import json
import os
import re
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine, text

from sql.role_names import OWNER
from stack.local.ports import free_port
from stack.local.servers.postgres import PostgresServer
from tests.test_architecture import LAYERS
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Release:
    """What was made, and an environment with nothing of Tandem's but the wheel."""

    folder: Path
    environment: Path

    def run(self, program: str, *arguments: str, **variables: str) -> str:
        """What a program of the environment printed; it runs in an empty folder."""
        done = subprocess.run(
            [self.environment / "bin" / program, *arguments],
            cwd=self.environment / "empty",
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    def files(self) -> dict[str, str]:
        """The files of the release by their names, with their sums."""
        lines = (self.folder / "SHA256SUMS").read_text().splitlines()
        return {name: digest for digest, name in (line.split("  ") for line in lines)}


@pytest.fixture(scope="module")
def release(release_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Release:
    environment = tmp_path_factory.mktemp("installed")
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", environment], check=True, timeout=300
    )
    (environment / "empty").mkdir()
    python = environment / "bin" / "python"
    (wheel,) = release_folder.glob("*.whl")
    uv = Path(sys.executable).with_name("uv")
    install = [uv, "pip", "install", "--quiet", "--offline", "--no-deps", "--python", python, wheel]
    subprocess.run(install, check=True, timeout=300)
    # What it needs is installed here; that this folder links to the clone counts for itself alone.
    (site_packages,) = environment.glob("lib/python*/site-packages")
    (site_packages / "needed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return Release(release_folder, environment)


def test_a_release_has_its_version_its_changes_and_the_sums_of_its_files(release: Release) -> None:
    version = release.run("tandem", "--version").split()[-1]
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    files = release.files()
    assert {
        "CHANGES.md",
        "Dockerfile",
        "requirements-spark.lock",
        "requirements.lock",
        f"tandem-{version}.cdx.json",
        f"tandem_recommender-{version}-py3-none-any.whl",
    } == files.keys()
    for name, digest in files.items():
        assert hashlib.sha256((release.folder / name).read_bytes()).hexdigest() == digest
    changes = (release.folder / "CHANGES.md").read_text()
    assert changes.startswith(f"## {version}")
    image = (release.folder / "Dockerfile").read_text()
    copied = re.findall(r"^COPY (.+) \./$", image, re.MULTILINE)
    assert len(copied) == 2
    assert all(list(release.folder.glob(pattern)) for pattern in copied)
    assert f"image: tandem:{version}" in (ROOT / "docker-compose.yml").read_text()


def test_its_bill_of_materials_names_what_is_installed_and_nothing_else(release: Release) -> None:
    (path,) = release.folder.glob("*.cdx.json")
    bill = json.loads(path.read_text())
    assert (bill["bomFormat"], bill["metadata"]["component"]["name"]) == (
        "CycloneDX",
        "tandem-recommender",
    )
    listed = {(part["name"], part["version"]) for part in bill["components"]}
    lock = (release.folder / "requirements.lock").read_text()
    locked = re.findall(r"^([\w.-]+)==([^\s\\]+)", lock, re.MULTILINE)
    assert listed == set(locked)
    names = {name for name, _ in listed}
    assert {"fastapi", "prefect", "implicit", "confluent-kafka", "typer"} <= names
    assert not names & {"pytest", "ruff", "sphinx", "cyclonedx-bom"}
    # What redis needs with the first patches of Python 3.11, whatever is installed here.
    assert "async-timeout" in names
    assert all(part["purl"] for part in bill["components"])


def test_its_wheel_has_every_file_of_the_layers(release: Release) -> None:
    (wheel,) = release.folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    files = {
        str(path.relative_to(ROOT))
        for layer in LAYERS
        for path in (ROOT / layer).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert sorted(files - packed) == []
    assert "flows/prefect.yaml" in packed


@pytest.fixture
def empty_database(postgres: PostgresServer, engine: Engine) -> Iterator[str]:
    server = engine.execution_options(isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"create database released owner {OWNER}"))
    yield "released"
    with server.connect() as connection:
        connection.execute(text("drop database released with (force)"))


def test_it_migrates_an_empty_database_and_serves_of_its_own_files_alone(
    release: Release, postgres: PostgresServer, empty_database: str, redis_url: str, tmp_path: Path
) -> None:
    imported = "import serving, sql; print(serving.__file__, sql.__file__)"
    for path in release.run("python", "-c", imported).split():
        assert Path(path).is_relative_to(release.environment)
    names = "from stack.diagnosis.prefect import scheduled_names; print(*scheduled_names())"
    assert "nightly" in release.run("python", "-c", names).split()

    # As the superuser, who may make the extension.
    release.run("python", "-m", "sql", DATABASE_URL=postgres.url(empty_database))
    port = free_port()
    variables = {
        **os.environ,
        "DATABASE_URL": postgres.url(empty_database),
        "REDIS_URL": redis_url,
        "TANDEM_API_PORT": str(port),
        "TANDEM_API_WORKERS": "1",
        "TANDEM_SIGNING_KEYS_FILE": str(tmp_path / "signing_keys.json"),
    }
    with (tmp_path / "api.log").open("wb") as log:
        process = subprocess.Popen(
            [release.environment / "bin" / "python", "-m", "serving"],
            cwd=release.environment / "empty",
            env=variables,
            stdout=log,
            stderr=log,
        )
    url = f"http://127.0.0.1:{port}"

    def ready() -> bool:
        assert process.poll() is None, (tmp_path / "api.log").read_text()
        try:
            return httpx.get(f"{url}/readyz", timeout=60).is_success
        except httpx.TransportError:
            return False

    try:
        wait_until(ready, seconds=300)
        for path in ("/sign-in", "/console/static/console.css", "/docs", "/openapi.json"):
            answer = httpx.get(f"{url}{path}", follow_redirects=True, timeout=60)
            assert answer.is_success, path
    finally:
        process.terminate()
        process.wait(60)
