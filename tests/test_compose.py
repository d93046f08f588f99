"""docker-compose.yml names what exists, pins what it pulls, and shuts what need not be open."""

import re
import subprocess
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from sql.shared_settings import API_PORT
from stack.local.processes import connections_needed

ROOT = Path(__file__).parent.parent
COMPOSE = ROOT / "docker-compose.yml"
CADDYFILE = ROOT / "deploy" / "Caddyfile"
RUNS_ONCE = {"migrate", "signing_keys"}


@cache
def compose() -> dict[str, Any]:
    return dict(yaml.safe_load(COMPOSE.read_text(encoding="utf-8")))


def services() -> dict[str, Any]:
    return dict(compose()["services"])


@pytest.fixture(params=sorted(services()))
def service(request: pytest.FixtureRequest) -> dict[str, Any]:
    return {"name": request.param, **services()[request.param]}


def test_every_image_is_pinned(service: dict[str, Any]) -> None:
    pinned = r"[\w/.-]+:[\w.-]*\d+\.\d+[\w.-]*(@sha256:[0-9a-f]{64})?"
    assert re.fullmatch(pinned, service["image"])


def test_every_program_that_is_started_exists(service: dict[str, Any]) -> None:
    for module in re.findall(r"python -m ([\w.]+)", service.get("command", "")):
        runnable = find_spec(f"{module}.__main__") if _is_package(module) else find_spec(module)
        assert runnable is not None, module


def test_every_service_that_is_waited_for_exists_and_can_be(service: dict[str, Any]) -> None:
    for name, wait in service.get("depends_on", {}).items():
        awaited = services()[name]
        ends = wait["condition"] == "service_completed_successfully"
        assert ends == (name in RUNS_ONCE)
        assert ends or "healthcheck" in awaited


def test_every_service_that_stays_is_asked_whether_it_is_well(service: dict[str, Any]) -> None:
    if service["name"] not in RUNS_ONCE:
        assert service["healthcheck"]["test"]
        assert service["restart"] == "unless-stopped"


def test_every_service_has_limits_and_no_rights_it_does_not_need(service: dict[str, Any]) -> None:
    assert service["mem_limit"]
    assert service["cpus"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    # The two that keep data in an image of somebody else's write into it.
    assert service.get("read_only", False) == (service["name"] not in {"postgres", "prefect"})


def test_no_password_stands_in_an_environment_or_a_command(service: dict[str, Any]) -> None:
    environment = {name: str(value) for name, value in service.get("environment", {}).items()}
    for name, value in environment.items():
        assert "PASSWORD" not in name or name.endswith("_FILE"), name
        assert "AUTH_STRING" not in name
        assert not re.search(r"://[^/@]*:[^/@]*@", value), name
        assert "TANDEM_POSTGRES_PASSWORD" not in value


def test_every_password_file_is_a_secret_of_the_service_that_is_made(
    service: dict[str, Any],
) -> None:
    service_text = " ".join([*map(str, service.get("environment", {}).values()), str(service)])
    named = set(re.findall(r"/run/secrets/(\w+)", service_text))
    if service["name"] == "migrate":
        named.discard("redis_password")
    assert named <= set(service.get("secrets", []))
    assert named <= set(compose()["secrets"])


def test_the_processes_are_not_the_owner() -> None:
    for name in ("api", "speed", "loading", "worker"):
        known = services()[name]
        assert "//tandem_app@" in known["environment"]["DATABASE_URL"]
        assert "owner_password" not in known["secrets"]


def test_only_the_proxy_has_ports_of_the_host_so_that_there_may_be_several_of_the_api() -> None:
    assert [name for name, known in services().items() if "ports" in known] == ["proxy"]
    assert "container_name" not in services()["api"]


def test_the_neighbours_are_asked_without_a_proxy_of_the_machine(service: dict[str, Any]) -> None:
    if "NO_PROXY" in service.get("environment", {}):
        direct = service["environment"]["NO_PROXY"].split(",")
        assert {"postgres", "redis", "prefect", "api", "127.0.0.1"} <= set(direct)
        assert service["environment"]["no_proxy"] == service["environment"]["NO_PROXY"]
    assert service["name"] in {"postgres", "redis", "proxy"} or "NO_PROXY" in service["environment"]


def test_prefect_and_redis_ask_for_a_password() -> None:
    known = services()
    assert "PREFECT_SERVER_API_AUTH_STRING=" in known["prefect"]["command"]
    assert "PREFECT_API_AUTH_STRING=" in known["worker"]["command"]
    assert "*" not in known["prefect"]["environment"]["PREFECT_SERVER_CORS_ALLOWED_ORIGINS"]
    assert "requirepass" in known["redis"]["command"]


def test_a_command_in_a_container_has_a_home_it_can_write_to() -> None:
    for name in ("api", "speed", "loading", "worker", "migrate"):
        known = services()[name]
        home = known["environment"]["TANDEM_HOME"]
        assert any(home.startswith(f"{folder}/") for folder in known["tmpfs"])


def test_the_database_takes_all_connections_of_three_containers_of_the_api(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (connections,) = re.findall(r"max_connections=(\d+)", services()["postgres"]["command"])
    processes = 3 * int(services()["api"]["environment"]["TANDEM_API_WORKERS"])
    monkeypatch.setenv("TANDEM_API_WORKERS", str(processes))
    assert int(connections) >= connections_needed()


def test_the_api_and_the_loading_worker_share_the_folder_of_uploads() -> None:
    for name in ("api", "loading"):
        known = services()[name]
        assert f"uploads:{known['environment']['TANDEM_UPLOADS']}" in known["volumes"]


def test_what_a_night_need_not_hold_is_on_a_volume_and_not_in_memory() -> None:
    known = services()["worker"]
    folder = known["environment"]["TANDEM_BATCH_FOLDER"]
    assert f"nights:{folder}" in known["volumes"]
    assert not any(folder.startswith(in_memory) for in_memory in known["tmpfs"])


def test_the_api_alone_reads_the_signing_keys_and_cannot_change_them() -> None:
    known = services()
    file = Path(known["api"]["environment"]["TANDEM_SIGNING_KEYS_FILE"])
    assert known["signing_keys"]["environment"]["TANDEM_SIGNING_KEYS_FILE"] == str(file)
    assert f"signing_keys:{file.parent}:ro" in known["api"]["volumes"]
    assert known["signing_keys"]["volumes"] == [f"signing_keys:{file.parent}"]
    with_keys = {
        name for name, each in known.items() if "signing_keys:" in str(each.get("volumes"))
    }
    assert with_keys == {"api", "signing_keys"}
    (private,) = re.findall(r"install .+ --mode=0700 (.+)$", image_file(), re.MULTILINE)
    assert file.parent.name in private.split()


def test_the_image_is_that_of_a_release_made_of_this_folder() -> None:
    made, released = image_file().split("RUN make release\n")
    _, _, wanted = (ROOT / "deploy" / "Dockerfile").read_text("utf-8").partition("\n")
    assert released.replace("--from=clone /clone/build/release/", "") == wanted
    assert made.startswith(wanted.splitlines()[0]), "both are of one Python"


def test_what_is_a_volume_belongs_in_the_image_to_whoever_writes_to_it() -> None:
    owned = re.findall(r"install .+ --group=tandem(?: --mode=0700)? ([\w ]+\w)", image_file())
    folders = {f"/home/tandem/{name}" for names in owned for name in names.split()}
    mounted = {
        volume.split(":")[1]
        for known in services().values()
        if known["image"].startswith("tandem:")
        for volume in known.get("volumes", [])
    }
    assert mounted == folders


def image_file() -> str:
    """What the image is built by."""
    return str(compose()["x-tandem"]["build"]["dockerfile_inline"]).replace("$$", "$")


def test_the_api_has_two_processes() -> None:
    assert services()["api"]["environment"]["TANDEM_API_WORKERS"] == "2"


def test_the_proxy_limits_what_comes_and_finds_every_api() -> None:
    caddyfile = CADDYFILE.read_text(encoding="utf-8")
    for needed in (
        "max_header_size 64KB",
        "max_size 5MB",
        "max_size 2GB",
        "read_header 10s",
        "dynamic a api 8000",
    ):
        assert needed in caddyfile
    assert caddyfile.count("{") == caddyfile.count("}")


def test_prometheus_asks_services_that_answer_it_without_a_key() -> None:
    config = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text("utf-8"))
    asked = {
        name: looked_up["port"]
        for job in config["scrape_configs"]
        for looked_up in job["dns_sd_configs"]
        for name in looked_up["names"]
    }
    api, speed = services()["api"]["environment"], services()["speed"]["environment"]
    assert asked == {"api": API_PORT, "speed": int(speed["TANDEM_SPEED_METRICS_PORT"])}
    assert api["TANDEM_API_HOST"] == speed["TANDEM_SPEED_METRICS_HOST"] == "0.0.0.0"
    assert api["TANDEM_API_METRICS"] == "open"
    (inside,) = re.findall(r"@inside path (.+)", CADDYFILE.read_text(encoding="utf-8"))
    assert "/metrics" in inside.split()


def test_watching_is_started_only_if_asked_and_seen_from_this_machine_only() -> None:
    watching = {name for name, known in services().items() if "profiles" in known}
    assert watching == {"prometheus", "grafana"}
    (proxied,) = [known["ports"] for known in services().values() if "ports" in known]
    for port, name in {9090: "prometheus", 3000: "grafana"}.items():
        assert services()[name]["profiles"] == ["watching"]
        assert f"127.0.0.1:{port}:{port}" in proxied
        assert f"http://localhost:{port} {{\n\treverse_proxy {name}:{port}" in CADDYFILE.read_text()
        for mounted in services()[name]["volumes"]:
            source = mounted.split(":")[0]
            assert (ROOT / source).is_dir() if source.startswith("./") else source == name


def test_the_secrets_that_are_made_are_those_that_are_read_and_stay(tmp_path: Path) -> None:
    script = tmp_path / "make-secrets"
    script.write_bytes((ROOT / "deploy" / "make-secrets").read_bytes())
    script.chmod(0o755)
    made = []
    for _ in range(2):
        subprocess.run([script], check=True, capture_output=True)
        files = sorted((tmp_path / "secrets").iterdir())
        made.append({file.name: file.read_text() for file in files})
    assert made[0] == made[1]
    assert set(made[0]) == set(compose()["secrets"])
    assert all(len(password.strip()) == 32 for password in made[0].values())
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700


def _is_package(module: str) -> bool:
    found = find_spec(module)
    return found is not None and found.submodule_search_locations is not None
