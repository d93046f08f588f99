"""Every query of the alerts and dashboards on what real processes say of themselves."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.request import urlopen

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine, text

from stack.local.ports import free_port
from tests.serving.conftest import Seeds
from tests.serving.process import running_api
from tests.waiting import wait_until
from tests.watching.programs import prometheus_program
from tests.watching.queries import DASHBOARDS, Query, panels, queries
from tests.words_run import open_cinema, publish, two_camps, write_night

Samples = dict[str, list[dict[str, str]]]
"""The labels of all samples, by the name of the metric."""
OF_THE_TARGET = {"job", "instance"}
"""Labels that Prometheus adds."""
FILTERED = re.compile(r"> 0$|histogram_quantile|/ (sum|\()")
"""What may have no result: a filter that nothing passes, or a share of nothing."""


@contextmanager
def running_speed(database_url: str, redis_url: str, log: Path) -> Iterator[str]:
    """A speed worker; the host and port of its metrics."""
    port = free_port()
    settings = {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "TANDEM_SPEED_METRICS_PORT": str(port),
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "speed"],
            env={**os.environ, **settings},
            stdout=output,
            stderr=output,
        )
    try:
        target = f"127.0.0.1:{port}"
        wait_until(lambda: process.poll() is not None or _answers(target), seconds=120)
        assert process.poll() is None, log.read_text()
        yield target
    finally:
        process.terminate()
        process.wait(timeout=60)


@pytest.fixture
def targets(
    engine: Engine, database_url: str, redis_url: str, tmp_path: Path
) -> Iterator[dict[str, str]]:
    """Two processes of the API and a speed worker at work: where each gives its metrics."""
    item_nos = open_cinema(engine)
    publish(engine, write_night(engine, database_url, two_camps(item_nos)))
    _have_nights_of_all_outcomes(engine)
    key = Seeds(engine, item_nos).key("read", "write")
    with (
        running_speed(database_url, redis_url, tmp_path / "speed.log") as speed,
        running_api(database_url, redis_url, tmp_path / "api.log", api_workers=2) as api,
    ):
        _use(f"http://127.0.0.1:{api.port}", key, engine)
        yield {"api": f"127.0.0.1:{api.port}", "speed": speed}


def test_every_query_names_metrics_labels_and_values_that_there_are(
    targets: dict[str, str],
) -> None:
    samples: Samples = {"up": [{}]}
    for target in targets.values():
        for name, labels in _scraped(target).items():
            samples.setdefault(name, []).extend(labels)
    faults = [fault for query in queries() for fault in _faults(query, samples)]
    assert not faults, "\n".join(faults)


def test_prometheus_answers_every_query(targets: dict[str, str], tmp_path: Path) -> None:
    with _prometheus(targets, tmp_path) as url:
        wait_until(lambda: len(_ask(url, "up == 1")) == len(targets), seconds=120)
        # A rate needs two scrapes of each.
        for counter in ("serving_requests_total", "speed_users_total"):
            wait_until(partial(_ask, url, f"rate({counter}[1m])"), seconds=120)
        nothing = [
            f"{panel['title']}: {target['expr']}"
            for panel in panels()
            for target in panel["targets"]
            if not _ask(url, target["expr"]) and not FILTERED.search(target["expr"])
        ]
        assert not nothing, "\n".join(nothing)
        rules = httpx.get(f"{url}/api/v1/rules", timeout=60).json()["data"]["groups"]
        assert {rule["health"] for group in rules for rule in group["rules"]} <= {"ok", "unknown"}


def test_the_dashboards_ask_the_datasource_that_is_provisioned() -> None:
    provisioning = DASHBOARDS[0].parent.parent / "provisioning"
    described = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())
    (source,) = described["datasources"]
    assert len({json.loads(path.read_text())["uid"] for path in DASHBOARDS}) == len(DASHBOARDS)
    for panel in panels():
        assert panel["datasource"]["uid"] == source["uid"]
        assert all(target["datasource"]["uid"] == source["uid"] for target in panel["targets"])


def _faults(query: Query, samples: Samples) -> Iterator[str]:
    labels = set(OF_THE_TARGET)
    for name, matchers in query.selectors().items():
        if name not in samples:
            yield f"{query.where}: there is no metric {name}"
            continue
        of_metric = {label for given in samples[name] for label in given} | OF_THE_TARGET
        labels |= of_metric
        for label, operator, value in matchers:
            if operator != "!=" and label not in of_metric:
                yield f"{query.where}: {name} has no label {label}"
            values = {given[label] for given in samples[name] if label in given}
            if operator == "=" and label not in OF_THE_TARGET and value not in values:
                yield f"{query.where}: no {name} has {label} {value}, but {sorted(values)}"
    for label in query.labels() - labels - {"value"}:
        yield f"{query.where}: nothing has the label {label}"


def _use(url: str, key: str, engine: Engine) -> None:
    """An event, a search, and lists of a user known and of one unknown."""
    with engine.connect() as connection:
        item_id = connection.execute(text("select min(item_id) from items")).scalar_one()
    sent = {"events": [{"user_id": "ann", "item_id": item_id, "kind": "view"}]}
    with httpx.Client(base_url=url, headers={"X-API-Key": key}, timeout=60) as client:
        assert client.get("/v1/items/nothing").status_code == 404
        for _ in range(3):
            client.post("/v1/events", json=sent).raise_for_status()
            client.get("/v1/search", params={"q": "robot"}).raise_for_status()
            for user in ("ann", "nobody"):
                client.get(f"/v1/users/{user}/recommendations").raise_for_status()


def _have_nights_of_all_outcomes(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "insert into model_runs (state, finished_at, cut_off_position, cut_off_at)"
                " values ('failed', now() - interval '2 days', 0, now()),"
                " ('refused', now() - interval '3 days', 0, now())"
            )
        )
        connection.execute(
            text(
                "update model_runs set started_at = coalesce(finished_at, now()) - interval '90 s',"
                " finished_at = coalesce(finished_at, now()),"
                " metrics = metrics || jsonb_build_object('index', 'hnsw',"
                " 'index_recall@100', 0.99, 'ndcg@20', 0.2, 'popularity_ndcg@20', 0.1,"
                " 'recall@20', 0.3, 'coverage@20', 0.4, 'items', 20, 'users', 20),"
                " step_seconds = jsonb_build_object('Write the lists', 7.5)"
            )
        )


def _scraped(target: str) -> Samples:
    found: Samples = {}
    with urlopen(f"http://{target}/metrics", timeout=60) as answer:
        families = text_string_to_metric_families(answer.read().decode())
    for family in families:
        for sample in family.samples:
            found.setdefault(sample.name, []).append(dict(sample.labels))
    return found


def _answers(target: str) -> bool:
    try:
        return bool(_scraped(target))
    except OSError:
        return False


@contextmanager
def _prometheus(targets: dict[str, str], folder: Path) -> Iterator[str]:
    """A server that scrapes the targets every second, with the alerts."""
    config = yaml.safe_load(
        (DASHBOARDS[0].parents[2] / "prometheus" / "prometheus.yml").read_text()
    )
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(DASHBOARDS[0].parents[2] / "prometheus" / "alerts.yml")]
    assert {job["job_name"] for job in config["scrape_configs"]} == set(targets)
    config["scrape_configs"] = [
        {"job_name": job, "static_configs": [{"targets": [target]}]}
        for job, target in targets.items()
    ]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    address = f"127.0.0.1:{free_port()}"
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                prometheus_program("prometheus"),
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={address}",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        wait_until(lambda: process.poll() is not None or _is_ready(address), seconds=120)
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(timeout=60)


def _is_ready(address: str) -> bool:
    try:
        return httpx.get(f"http://{address}/-/ready", timeout=60).is_success
    except httpx.TransportError:
        return False


def _ask(url: str, expression: str) -> list[object]:
    answer = httpx.get(f"{url}/api/v1/query", params={"query": expression}, timeout=60).json()
    assert answer["status"] == "success", f"{expression}: {answer}"
    return list(answer["data"]["result"])
