"""Each part of Tandem can be installed alone, and names exactly the packages it needs."""

import ast
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from functools import cache
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from stack import entry
from tests.test_architecture import LAYERS, files_of, imports_of, nodes_of

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NAME = PROJECT["name"]

EVERYWHERE = ("domain", "sql")
PARTS = {
    "api": ("speed", "serving"),
    "otel": ("serving/tracing",),
    "kafka": ("serving/kafka",),
    "nights": ("batch", "loading", "flows"),
    "spark": ("batch/spark",),
    "local": ("stack",),
}
BESIDE = {"serving": {"tracing", "kafka"}, "batch": {"spark"}}
"""Folders of a layer that are loaded only where their parts are installed."""
OWN_LOCK = {"spark": "requirements-spark.lock"}
"""Parts whose packages are too large for everybody."""

# Packages that are part of another one, for whoever imports them.
ALSO = {
    "adbc-driver-postgresql": {"adbc_driver_manager"},
    "fastapi": {"starlette"},
    "jinja2": {"markupsafe"},
    "py4j": {"py4j"},  # it may be missing here
    "pyspark": {"pyspark"},  # it may be missing here
    "pydantic-settings": {"annotated_types", "pydantic", "pydantic_core", "typing_extensions"},
}


def files_in(layer: str) -> list[Path]:
    """The files of a layer, or of a folder of one, that need no part beside its own."""
    files = files_of(layer)
    beside = BESIDE.get(layer, set())
    return [path for path in files if path.parent.name not in beside or path.name == "settings.py"]


def parts_within(part: str) -> list[str]:
    """The part, and those it consists of."""
    own = map(Requirement, PROJECT["optional-dependencies"][part])
    return [
        part,
        *(
            extra
            for requirement in own
            if requirement.name == NAME
            for extra in sorted(requirement.extras)
        ),
    ]


def required(part: str | None) -> list[Requirement]:
    """What a part names beside other parts; None: what all of them need."""
    texts = PROJECT["optional-dependencies"][part] if part else PROJECT["dependencies"]
    return [requirement for requirement in map(Requirement, texts) if requirement.name != NAME]


def installed_with(part: str) -> list[Requirement]:
    return [requirement for each in (None, *parts_within(part)) for requirement in required(each)]


@cache
def packages_of_modules() -> dict[str, set[str]]:
    """For every module that is installed here the packages it comes with."""
    installed = metadata.packages_distributions()
    return {module: set(map(canonicalize_name, names)) for module, names in installed.items()}


def modules_of(requirements: Iterable[Requirement]) -> set[str]:
    names = {canonicalize_name(requirement.name) for requirement in requirements}
    modules = {module for module, packages in packages_of_modules().items() if packages & names}
    return modules.union(*(ALSO.get(name, set()) for name in names))


@cache
def imported_by(layers: tuple[str, ...]) -> set[str]:
    """Packages of others that these layers import."""
    files = [path for layer in layers for path in files_in(layer)]
    imported = {name for path in files for name in imports_of(path)}
    return imported - set(sys.stdlib_module_names) - set(LAYERS)


def named_by(layers: Iterable[str]) -> set[str]:
    """Packages that these layers have somebody else import, or look for programs in."""
    nodes = (node for layer in layers for path in files_in(layer) for node in nodes_of(path))
    texts = (node.value for node in nodes if isinstance(node, ast.Constant))
    return {text for text in texts if isinstance(text, str)}


@pytest.mark.parametrize(("part", "layers"), PARTS.items(), ids=list(PARTS))
def test_a_part_names_what_it_imports(part: str, layers: tuple[str, ...]) -> None:
    assert imported_by(layers) - modules_of(installed_with(part)) == set()


def test_what_all_parts_need_is_what_the_lowest_layers_import() -> None:
    assert imported_by(EVERYWHERE) - modules_of(required(None)) == set()
    assert all(
        imported_by(EVERYWHERE) & modules_of([requirement]) for requirement in required(None)
    )


@pytest.mark.parametrize(("part", "layers"), PARTS.items(), ids=list(PARTS))
def test_a_part_names_nothing_it_does_not_use(part: str, layers: tuple[str, ...]) -> None:
    used = imported_by(layers) | named_by(layers)
    assert [
        requirement.name for requirement in required(part) if not used & modules_of([requirement])
    ] == []


def locked(name: str) -> dict[str, str]:
    """The packages of a lock with their versions."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    pins = (line.split()[0].split("==") for line in lines if "==" in line)
    return dict(pins)


def test_the_lock_has_every_part() -> None:
    extras = PROJECT["optional-dependencies"].keys() - OWN_LOCK.keys()
    assert {
        requirement.name for part in (None, *extras) for requirement in required(part)
    } <= locked("requirements.lock").keys()


@pytest.mark.parametrize(("part", "lock"), OWN_LOCK.items(), ids=list(OWN_LOCK))
def test_what_is_too_large_for_everybody_is_in_a_lock_of_its_own(part: str, lock: str) -> None:
    pins = locked(lock)
    assert all(
        requirement.specifier.contains(pins[requirement.name]) for requirement in required(part)
    )
    assert not pins.keys() & locked("requirements.lock").keys()


IMPORT_ALL = """
import importlib, json, sys
needless, modules = json.load(sys.stdin)
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in needless:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
for module in modules:
    importlib.import_module(module)
"""


def test_the_api_can_be_imported_without_the_packages_of_other_parts() -> None:
    layers = (*EVERYWHERE, *PARTS["api"])
    needless = modules_needless_for("api") | (set(LAYERS) - set(layers))
    asked = json.dumps([sorted(needless), modules_in(layers)])
    ended = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL], input=asked, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr


def test_the_api_is_installed_without_the_libraries_of_the_night() -> None:
    assert {"implicit", "scipy", "pandas", "prefect", "pyarrow"} <= modules_needless_for("api")


def test_the_command_tells_what_to_install_where_only_a_part_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(entry, "find_spec", lambda _: None)
    with pytest.raises(SystemExit, match=r"pip install 'tandem-recommender\[local\]'"):
        entry.main()


def modules_in(layers: Iterable[str]) -> list[str]:
    """Every module of these layers; Alembic runs the migrations itself."""
    paths = [path.relative_to(ROOT) for layer in layers for path in files_in(layer)]
    modules = [path for path in paths if "migrations" not in path.parts]
    return [".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in modules]


@cache
def modules_needless_for(part: str) -> set[str]:
    """Whatever is installed here and would not be if only this part was."""
    needed = packages_behind(installed_with(part))
    return {
        module for module, packages in packages_of_modules().items() if packages.isdisjoint(needed)
    }


def packages_behind(requirements: Iterable[Requirement]) -> set[str]:
    """The packages required, and those which these require in turn."""
    due, found = list(requirements), set()
    while due:
        requirement = due.pop()
        wanted = (canonicalize_name(requirement.name), frozenset(requirement.extras))
        if wanted in found:
            continue
        found.add(wanted)
        for text in metadata.requires(requirement.name) or ():
            behind = Requirement(text)
            extras = ("", *requirement.extras)
            if not behind.marker or any(behind.marker.evaluate({"extra": e}) for e in extras):
                due.append(behind)
    return {name for name, _ in found}
