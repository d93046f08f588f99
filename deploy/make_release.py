"""Makes a release in `build/release`: the wheel, what it needs, an image file, and their sums.

`make release` runs it. Nothing is published.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
PARTS = ("local", "otel", "kafka", "client")
"""What a release installs: everything but what documents it and tests it, and Spark."""
PYTHONS = ({}, {"python_full_version": "3.11.0"})
"""The one of this machine, and the oldest that a release is for."""
SPARK_LOCK = "requirements-spark.lock"
"""What a night on Spark needs besides."""


def main() -> None:
    """Make it anew; the folder's contents go first."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "release"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    version = project["version"]
    build = ("build", "--quiet", "--wheel", "--no-build-isolation", "--out-dir", str(folder), ".")
    run(BIN / "uv", *build)
    lock = folder / "requirements.lock"
    lock.write_text(
        released((ROOT / "requirements.lock").read_text(encoding="utf-8"), project),
        encoding="utf-8",
    )
    shutil.copy(ROOT / SPARK_LOCK, folder)
    write_components(lock, folder / f"tandem-{version}.cdx.json", project)
    image = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
    (folder / "Dockerfile").write_text(image, encoding="utf-8")
    notes = notes_of(version, (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    (folder / "CHANGES.md").write_text(notes, encoding="utf-8")
    files = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    (folder / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")
    print("".join(sums), end="")  # noqa: T201 -- what it has made


def released(lock: str, project: Mapping[str, object]) -> str:
    """The lines of the lock for the packages that a release installs, with their hashes."""
    needed = packages_of(project)
    entries = re.split(r"\n(?=\S)", lock)
    kept = [
        entry
        for entry in entries
        if entry.startswith("#") or canonicalize_name(entry.split("==")[0]) in needed
    ]
    found = {canonicalize_name(entry.split("==")[0]) for entry in kept if "==" in entry}
    if missing := needed - found:
        sys.exit(f"requirements.lock lacks {', '.join(sorted(missing))}: make lock")
    return "\n".join(kept).rstrip() + "\n"


def packages_of(project: Mapping[str, object]) -> set[str]:
    """Names of all packages that the parts of a release need, by what is installed here.

    With every Python that a release is for: some packages ask for others with old patches of it.
    """
    name = canonicalize_name(str(project["name"]))
    due = [Requirement(f"{name}[{','.join(PARTS)}]")]
    seen: set[tuple[str, frozenset[str]]] = set()
    while due:
        requirement = due.pop()
        wanted = (canonicalize_name(requirement.name), frozenset(requirement.extras))
        if wanted not in seen:
            seen.add(wanted)
            due += required_by(requirement)
    return {found for found, _ in seen} - {name}


def required_by(requirement: Requirement) -> Iterable[Requirement]:
    """What a package requires on such a machine, with the extras that are asked for."""
    extras = ("", *requirement.extras)
    environments = [{"extra": e, **python} for e in extras for python in PYTHONS]
    for text in metadata.requires(requirement.name) or ():
        behind = Requirement(text)
        if not behind.marker or any(map(behind.marker.evaluate, environments)):
            yield behind


def write_components(lock: Path, path: Path, project: Mapping[str, object]) -> None:
    """The bill of materials of the lock, in CycloneDX's JSON."""
    made = run(
        BIN / "cyclonedx-py", "requirements", str(lock), "--output-reproducible", "--short-PURLs"
    )
    components = json.loads(made)
    components["metadata"] = components.get("metadata", {}) | {
        "component": {
            "type": "application",
            "bom-ref": "tandem",
            "name": project["name"],
            "version": project["version"],
            "licenses": [{"license": {"id": project["license"]}}],
        }
    }
    for component in components["components"]:
        # The line of the lock once more, with the hashes that stand beside it.
        component.pop("description", None)
    path.write_text(json.dumps(components, indent=1) + "\n", encoding="utf-8")


def notes_of(version: str, changelog: str) -> str:
    """The changelog's part about a version."""
    found = re.search(
        rf"^## {re.escape(version)}\b.*?(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL
    )
    if found is None:
        sys.exit(f"CHANGELOG.md says nothing of {version}")
    return found[0].rstrip() + "\n"


def run(*command: str | Path) -> str:
    """What a program printed; the end if it failed."""
    words = [str(word) for word in command]
    done = subprocess.run(  # noqa: S603 -- programs of this environment
        words, cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{' '.join(words)}\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
