"""Containers run by podman, as docker-compose.yml and the manifests of Kubernetes describe them."""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.missing import skip_without
from tests.test_compose import services
from tests.test_kubernetes import OBJECTS, PODS, container_of, variables_of

NEEDED = "PODMAN_NEEDED"
LONGEST_SECONDS = 500
SECRETS = "/run/secrets"
LIMITS = ("--ulimit=nofile=4096:4096", "--ulimit=nproc=4096:4096")
"""Podman's own are more than some machines allow anybody."""
HOSTS = ("postgres", "redis", "prefect", "api")
"""Names of other containers."""


def podman(*arguments: str | Path, seconds: float = LONGEST_SECONDS) -> str:
    """What it printed; it must succeed."""
    done = try_podman(*arguments, seconds=seconds)
    output = f"podman {shlex.join(map(str, arguments))}\n{done.stdout}\n{done.stderr}"
    assert done.returncode == 0, output
    return done.stdout.strip()


def try_podman(
    *arguments: str | Path, seconds: float = LONGEST_SECONDS
) -> "subprocess.CompletedProcess[str]":
    """Run it, to its end."""
    return subprocess.run(
        ["podman", "--runtime=runc", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
    )


def need_podman(base: str) -> None:
    """Skip the test without podman or without this image; with PODMAN_NEEDED set, fail it."""
    for program in ("podman", "runc"):
        if shutil.which(program) is None:
            skip_without(f"{program} is not installed: apt-get install {program}", NEEDED)
    if os.geteuid():
        skip_without("volumes are given to groups by root alone", NEEDED)
    if try_podman("image", "exists", base).returncode:
        skip_without(f"podman has no image {base}: tests/make-base-image makes one", NEEDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What is run, and what it may do."""

    command: list[str]
    environment: dict[str, str]
    rights: list[str]
    """Flags of podman that Docker has too."""
    secrets: dict[str, str]
    """Files in the container with passwords, and the names of these."""
    volumes: dict[str, str]
    """Folders in the container, and the volumes that they are."""
    group: int | None
    """Who may write to the volumes; None: whoever may in the image."""
    health: list[str]
    """A command in the container that succeeds if it is well."""


def of_compose(name: str) -> Service:
    """A service of docker-compose.yml."""
    known = services()[name]
    # `$$` is how the file writes a dollar.
    health = known.get("healthcheck", {}).get("test", "true").replace("$$", "$")
    rights = [f"--cap-drop={right}" for right in known["cap_drop"]]
    rights += [f"--security-opt={option}" for option in known["security_opt"]]
    rights += [f"--tmpfs={folder}:rw,noexec,nosuid,nodev" for folder in known.get("tmpfs", [])]
    rights.append(f"--memory={known['mem_limit']}")
    rights += ["--init"] if known.get("init") else []
    # Podman of itself would still give it folders to write to that Docker does not.
    rights += ["--read-only", "--read-only-tmpfs=false"] if known.get("read_only") else []
    mounted = (volume.split(":", 2) for volume in known.get("volumes", []))
    return Service(
        command=shlex.split(known["command"].replace("$$", "$")),
        environment={each: str(value) for each, value in known["environment"].items()},
        rights=rights,
        secrets={f"{SECRETS}/{each}": each for each in known.get("secrets", [])},
        volumes={":".join([folder, *mode]): volume for volume, folder, *mode in mounted},
        group=None,
        health=["sh", "-c", health],
    )


def of_manifest(workload: str) -> Service:
    """The container of a pod of Kubernetes."""
    container, pod = container_of(workload), PODS[workload]["spec"]
    user, group = (pod["securityContext"][name] for name in ("runAsUser", "fsGroup"))
    rights = [f"--user={user}", f"--group-add={group}"]
    memory = container["resources"]["limits"]["memory"]
    rights.append(f"--memory={memory.removesuffix('i').lower()}")
    may = container["securityContext"]
    rights += [f"--cap-drop={right}" for right in may["capabilities"]["drop"]]
    rights += [] if may["allowPrivilegeEscalation"] else ["--security-opt=no-new-privileges"]
    rights += ["--read-only", "--read-only-tmpfs=false"] if may["readOnlyRootFilesystem"] else []
    secrets, volumes = dict[str, str](), dict[str, str]()
    kinds = {volume["name"]: volume for volume in pod["volumes"]}
    for mount in container["volumeMounts"]:
        kind, folder = kinds[mount["name"]], mount["mountPath"]
        if "emptyDir" in kind:
            rights.append(f"--tmpfs={folder}:rw,exec,mode=1777")
        elif "persistentVolumeClaim" in kind:
            volumes[folder] = mount["name"]
        else:
            items = kind["secret"].get("items", [{"key": "keys.json", "path": "keys.json"}])
            secrets |= {f"{folder}/{item['path']}": item["key"] for item in items}
    shared = OBJECTS["ConfigMap/tandem"]["data"] if "envFrom" in container else {}
    return Service(
        command=container["command"],
        environment={**shared, **variables_of(workload)},
        rights=rights,
        secrets=secrets,
        volumes=volumes,
        group=group,
        health=_probe(container),
    )


def _probe(container: Mapping[str, Any]) -> list[str]:
    """The container's question whether it is well, as a command in it."""
    probe = container.get("livenessProbe", {})
    if "httpGet" not in probe:
        return list(probe.get("exec", {}).get("command", ["true"]))
    (port,) = [each["containerPort"] for each in container["ports"]]
    url = f"http://127.0.0.1:{port}{probe['httpGet']['path']}"
    return ["python", "-c", f"import urllib.request as r; r.urlopen({url!r}, timeout=5)"]


@dataclass(frozen=True, slots=True)
class Containers:
    """Services, each in a container with the network of this machine; all end with the block."""

    image: str
    prefix: str
    """Of the names of containers and volumes."""
    folder: Path
    """Its folder `secrets` has the passwords."""
    ports: Mapping[int, int]
    """What is another port here."""
    variables: Mapping[str, str]
    """What is set besides."""
    started: list[str] = field(default_factory=list)
    volumes: set[str] = field(default_factory=set)

    def __enter__(self) -> Self:
        """Begin with none."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove all."""
        for name in self.started:
            try_podman("rm", "--force", "--time=0", self._named(name))
        for volume in self.volumes:
            try_podman("volume", "rm", "--force", volume)

    def run(self, service: Service) -> str:
        """Run a service that ends of itself; what it printed."""
        return podman("run", "--rm", *self._arguments(service))

    def start(self, name: str, service: Service) -> None:
        """Start a service that stays."""
        self.started.append(name)
        podman("run", "--detach", f"--name={self._named(name)}", *self._arguments(service))

    def is_healthy(self, name: str, service: Service) -> bool:
        """Whether it says that it is well; it must be running."""
        running = podman("inspect", "--format={{.State.Running}}", self._named(name))
        assert running == "true", self.log(name)
        asked = [self._here(word) for word in service.health]
        return try_podman("exec", self._named(name), *asked).returncode == 0

    def execute(self, name: str, *command: str) -> str:
        """What a command printed in a container that runs."""
        return podman("exec", self._named(name), *command)

    def stop(self, name: str, *, seconds: int) -> int:
        """Ask it to end, and kill it after this time; the code that it ended with."""
        podman("stop", f"--time={seconds}", self._named(name))
        return int(podman("inspect", "--format={{.State.ExitCode}}", self._named(name)))

    def log(self, name: str) -> str:
        """What it wrote."""
        done = try_podman("logs", self._named(name))
        return done.stdout + done.stderr

    def _named(self, name: str) -> str:
        return f"{self.prefix}-{name}"

    def _arguments(self, service: Service) -> Iterator[str]:
        yield from ("--network=host", *LIMITS, *service.rights)
        yield from (f"--add-host={name}:127.0.0.1" for name in HOSTS)
        for file, name in service.secrets.items():
            yield f"--volume={self.folder / 'secrets' / name}:{file}:ro"
        for folder, name in service.volumes.items():
            yield f"--volume={self._volume(name, service.group)}:{folder}"
        for name, value in {**service.environment, **self.variables}.items():
            yield f"--env={name}={self._here(value)}"
        yield self.image
        yield from map(self._here, service.command)

    def _volume(self, name: str, group: int | None) -> str | Path:
        if group is None:
            self.volumes.add(self._named(name))
            return self._named(name)
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        os.chown(folder, 0, group)
        folder.chmod(0o2775)
        return folder

    def _here(self, text: str) -> str:
        """A word of a service with the ports of this machine."""
        text = text.replace("@postgres/", "@postgres:5432/")
        for usual, port in self.ports.items():
            text = re.sub(rf"(?<=:){usual}\b|^{usual}$", str(port), text)
        return text
