"""deploy/kubernetes is what Kubernetes takes, and says what docker-compose.yml says."""

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from sql.environment import known_variables
from tests.configuration import settings
from tests.test_compose import compose, services

FOLDER = Path(__file__).parent.parent / "deploy" / "kubernetes"
RELEASES = ("1.31.0", "1.37.0")
"""The oldest that the manifests are for, and the newest whose schemas are at hand."""
WORKLOADS = {"Deployment", "StatefulSet", "Job"}


def kustomization() -> dict[str, Any]:
    return dict(yaml.safe_load((FOLDER / "kustomization.yaml").read_text(encoding="utf-8")))


def objects() -> dict[str, dict[str, Any]]:
    """All objects that are applied, by kind and name."""
    texts = [(FOLDER / name).read_text(encoding="utf-8") for name in kustomization()["resources"]]
    found = [document for text in texts for document in yaml.safe_load_all(text)]
    return {f"{each['kind']}/{each['metadata']['name']}": each for each in found}


OBJECTS = objects()
PODS = {
    name: each["spec"]["template"] for name, each in OBJECTS.items() if each["kind"] in WORKLOADS
}


@pytest.fixture(params=sorted(PODS))
def workload(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def container_of(workload: str) -> dict[str, Any]:
    (container,) = PODS[workload]["spec"]["containers"]
    return dict(container)


def variables_of(workload: str) -> dict[str, str]:
    return {each["name"]: each["value"] for each in container_of(workload).get("env", [])}


@pytest.mark.parametrize("name", sorted(OBJECTS))
@pytest.mark.parametrize("release", RELEASES)
def test_an_object_is_what_the_schema_says_to_the_last_field(name: str, release: str) -> None:
    kubernetes_validate.validate(OBJECTS[name], release, strict=True)


def test_every_file_is_applied() -> None:
    files = {path.name for path in FOLDER.glob("*.yaml")} - {"kustomization.yaml"}
    assert files == set(kustomization()["resources"])


def test_the_images_are_those_of_the_containers() -> None:
    known = {service["image"] for service in services().values()}
    assert {container_of(workload)["image"] for workload in PODS} <= known


def test_programs_that_are_started_exist(workload: str) -> None:
    command = " ".join(container_of(workload)["command"])
    for module in re.findall(r"python,? -m,? ([\w.]+)", command):
        package = find_spec(module)
        assert package is not None
        assert package.submodule_search_locations is None or find_spec(f"{module}.__main__")


def test_who_stays_is_asked_whether_it_is_well(workload: str) -> None:
    container, stays = container_of(workload), not workload.startswith("Job/")
    assert ("livenessProbe" in container) == stays
    ports = {port["name"] for port in container.get("ports", [])}
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container.get(probe, {}).get("httpGet", {}).get("port") in {None, *ports}


def test_a_container_has_bounds_and_no_right_that_it_does_not_need(workload: str) -> None:
    container, pod = container_of(workload), PODS[workload]["spec"]
    assert container["resources"]["requests"].keys() == {"cpu", "memory"}
    assert "memory" in container["resources"]["limits"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False


def test_no_more_memory_is_granted_than_in_containers_of_one_machine(workload: str) -> None:
    granted = container_of(workload)["resources"]["limits"]["memory"]
    known = services()[workload.partition("/")[2]]["mem_limit"]
    assert granted in {known.replace("g", "Gi"), "512Mi"}


def test_passwords_are_files_that_are_mounted_and_made(workload: str) -> None:
    container, pod = container_of(workload), PODS[workload]["spec"]
    (passwords,) = [each["secret"] for each in pod["volumes"] if each["name"] == "passwords"]
    mounted = {item["key"] for item in passwords["items"]}
    assert mounted <= set(compose()["secrets"])
    named = re.findall(r"/etc/tandem/passwords/(\w+)", str(container))
    assert set(named) <= mounted
    assert "owner_password" not in mounted or workload == "Job/migrate"


def test_what_is_mounted_is_there(workload: str) -> None:
    container, pod = container_of(workload), PODS[workload]["spec"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes.keys()
    for volume in volumes.values():
        if "persistentVolumeClaim" in volume:
            claim = volume["persistentVolumeClaim"]["claimName"]
            assert f"PersistentVolumeClaim/{claim}" in OBJECTS


def test_variables_are_settings(workload: str) -> None:
    data = OBJECTS["ConfigMap/tandem"]["data"]
    for name in (*variables_of(workload), *data):
        if name.startswith("TANDEM_"):
            assert name in known_variables()
        elif not name.startswith("PREFECT_"):
            assert name in {*settings(), "HOME", "OPENBLAS_NUM_THREADS", "OMP_WAIT_POLICY"}


def test_what_points_at_pods_finds_them() -> None:
    labels = [PODS[workload]["metadata"]["labels"] for workload in PODS]
    for name, each in OBJECTS.items():
        selector = each["spec"].get("selector") if "spec" in each else None
        if selector is None:
            continue
        wanted = selector.get("matchLabels", selector)
        assert [known for known in labels if wanted.items() <= known.items()], name
        if name in PODS:
            assert wanted.items() <= PODS[name]["metadata"]["labels"].items()


def test_what_scales_leaves_some_when_a_node_is_drained() -> None:
    scaler = OBJECTS["HorizontalPodAutoscaler/api"]["spec"]
    target = scaler["scaleTargetRef"]
    assert f"{target['kind']}/{target['name']}" in PODS
    assert "replicas" not in OBJECTS["Deployment/api"]["spec"], "two would say how many there are"
    assert scaler["minReplicas"] > OBJECTS["PodDisruptionBudget/api"]["spec"]["maxUnavailable"]


def test_the_workers_divide_the_shards_among_them() -> None:
    workers = OBJECTS["StatefulSet/speed"]["spec"]["replicas"]
    shards = int(variables_of("StatefulSet/speed")["TANDEM_SPEED_SHARDS_PER_PASS"])
    assert workers * shards == 8
