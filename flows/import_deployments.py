"""Registers a data team's imports: `python -m flows.import_deployments FILE`.

The file has a deployment of the flow `import` for each import, in YAML:

    imports:
      - name: purchases
        cron: "10 * * * *"
        parameters: {source: warehouse, query: select ..., high_water_mark: updated_at}

`name` and `parameters` are needed; `timezone` is UTC if it is not given. What stands as the file
says is left alone. An import that is gone from the file stays: delete it in Prefect.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any

import yaml
from prefect.client.orchestration import get_client
from prefect.exceptions import ParameterTypeError

from domain.errors import InvalidInputError, TandemError
from flows.deployments import ensure_deployments
from flows.import_new import import_from_source
from loading.addresses import refuse_password
from sql.environment import refuse_unknown_variables

_ENTRYPOINT = "flows/import_new.py:import_from_source"
_KEYS = {"name", "cron", "timezone", "parameters", "description"}


async def register_imports(path: Path) -> list[str]:
    """Make sure that the deployments of a file exist; their names.

    Raises InvalidInputError, before any is registered, if one of them cannot be.
    """
    deployments = [_deployment(described) for described in _read(path)]
    async with get_client() as client:
        await ensure_deployments(client, deployments)
    return [deployment["name"] for deployment in deployments]


def _read(path: Path) -> list[dict[str, Any]]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise InvalidInputError(f"{path} cannot be read: {error}") from error
    imports = content.get("imports") if isinstance(content, dict) else None
    if not isinstance(imports, list) or not all(isinstance(each, dict) for each in imports):
        raise InvalidInputError(f"{path} has no list `imports`.")
    return imports


def _deployment(described: dict[str, Any]) -> dict[str, Any]:
    name, parameters = described.get("name"), described.get("parameters")
    unknown = ", ".join(sorted(described.keys() - _KEYS))
    if not isinstance(name, str) or not isinstance(parameters, dict) or unknown:
        raise InvalidInputError(
            f"An import has a `name`, `parameters` and, if you like, `cron`, `timezone` and"
            f" `description`; this is {name or 'one without a name'}"
            f"{f' with {unknown}' if unknown else ''}."
        )
    parameters = {"name": name, **parameters}
    refuse_password(str(parameters.get("source")))
    try:
        import_from_source.validate_parameters(parameters)
    except (ParameterTypeError, TypeError) as error:
        raise InvalidInputError(f"The parameters of {name} are not valid: {error}") from error
    schedule = {"cron": described.get("cron"), "timezone": described.get("timezone", "UTC")}
    return {
        "name": name,
        "description": described.get("description", "Brings in what is new."),
        "entrypoint": _ENTRYPOINT,
        "tags": ["tandem"],
        "parameters": parameters,
        "schedules": [schedule] if schedule["cron"] else [],
        "work_pool": {"name": "tandem"},
    }


def main(arguments: list[str]) -> int:
    """Register what the file says; the exit code."""
    refuse_unknown_variables()
    if len(arguments) != 1:
        print("python -m flows.import_deployments FILE", file=sys.stderr)  # noqa: T201
        return 2
    try:
        names = asyncio.run(register_imports(Path(arguments[0])))
    except TandemError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    print(f"Registered: {', '.join(names)}")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
