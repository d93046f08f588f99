"""docker-compose.yml names what exists and pins what it pulls."""

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

COMPOSE = Path(__file__).parent.parent / "docker-compose.yml"


def services() -> dict[str, Any]:
    return dict(yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"])


def test_every_image_is_pinned() -> None:
    for service in services().values():
        assert re.fullmatch(r"[\w/.-]+:[\w.-]*\d+\.\d+[\w.-]*", service["image"]), service["image"]


def test_every_program_that_is_started_exists() -> None:
    for service in services().values():
        for module in re.findall(r"python -m ([\w.]+)", service.get("command", "")):
            runnable = find_spec(f"{module}.__main__") if _is_package(module) else find_spec(module)
            assert runnable is not None, module


def test_every_service_that_is_waited_for_exists() -> None:
    known = services()
    for service in known.values():
        assert set(service.get("depends_on", {})) <= set(known)


def _is_package(module: str) -> bool:
    found = find_spec(module)
    return found is not None and found.submodule_search_locations is not None
