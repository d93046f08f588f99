"""Each alert fires in its case, is quiet else, and says what to do."""

import re
import subprocess

import pytest
import yaml

from tests.watching.programs import prometheus_program
from tests.watching.queries import ALERTS, ROOT, alerts

TESTS = sorted(ALERTS.parent.glob("*_test.yml"))


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_the_alerts_fire_when_they_should_and_are_quiet_else(path: str) -> None:
    promtool = prometheus_program("promtool")
    done = subprocess.run(
        [promtool, "test", "rules", path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_fires_in_one_of_those_cases() -> None:
    cases = "".join(path.read_text(encoding="utf-8") for path in TESTS)
    for rule in alerts():
        assert f'alertname="{rule["alert"]}"' in cases, rule["alert"]


def test_what_prometheus_reads_is_valid() -> None:
    promtool = prometheus_program("promtool")
    config = ALERTS.parent / "prometheus.yml"
    done = subprocess.run(
        [promtool, "check", "config", config], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_severity_a_summary_and_what_to_do() -> None:
    names = [rule["alert"] for rule in alerts()]
    assert len(set(names)) == len(names)
    for rule in alerts():
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["annotations"]["summary"].endswith(".")
        assert len(rule["annotations"]["description"]) > 40


def test_the_page_lists_every_alert_with_its_severity() -> None:
    page = (ROOT / "docs" / "watching.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| `(Tandem\w+)` \| (\w+) \|", page, re.MULTILINE))
    assert listed == {rule["alert"]: rule["labels"]["severity"] for rule in alerts()}


def test_every_file_of_the_alerts_and_the_configuration_is_valid_yaml() -> None:
    for path in ALERTS.parent.glob("*.yml"):
        assert yaml.safe_load(path.read_text(encoding="utf-8")), path
