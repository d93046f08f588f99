"""Definitions of placements in files of YAML, of which JSON is a part."""

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from domain.errors import InvalidInputError
from serving.http.errors import pointer, sentence
from serving.placements.definition import PlacementDefinition

_TOP = "placements"


class _Loader(yaml.SafeLoader):
    """Refuses a name that stands twice, of which only the last would count."""

    def construct_mapping(
        self, node: yaml.MappingNode, *more: Any, **named: Any
    ) -> dict[Hashable, Any]:
        """See yaml."""
        names = [key.value for key, _ in node.value]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            line = node.start_mark.line + 1
            raise InvalidInputError(f"{min(twice)!r} stands twice in what begins in line {line}.")
        return super().construct_mapping(node, *more, **named)


def read_definition(path: Path) -> PlacementDefinition:
    """The one definition of a file. InvalidInputError tells what is wrong with it."""
    return _definition(str(path), _read(path))


def read_placements(path: Path) -> Mapping[str, PlacementDefinition | None]:
    """The definitions of a file by name, under `placements`; None: it is to be ended.

    InvalidInputError tells what is wrong, and of which.
    """
    found = _read(path)
    if not isinstance(found, dict) or found.keys() != {_TOP} or not isinstance(found[_TOP], dict):
        raise InvalidInputError(
            f"{path} is to have one name, {_TOP}, and under it the placements by their names."
        )
    return {
        str(name): None if definition is None else _definition(str(name), definition)
        for name, definition in found[_TOP].items()
    }


def _read(path: Path) -> Any:
    try:
        # The loader is safe: it makes plain values alone.
        return yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be read: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"{path} is no YAML: {' '.join(str(error).split())}") from error


def _definition(where: str, definition: Any) -> PlacementDefinition:
    try:
        return PlacementDefinition.model_validate(definition)
    except ValidationError as error:
        faults = [
            f"{where}{pointer(each['loc'])}: {sentence(dict(each))}" for each in error.errors()
        ]
        raise InvalidInputError("\n".join(faults)) from error
