"""The parts of the Python client that the description of the API says: its models and calls.

`python -m tests.client_code` writes them; a test fails as long as they are out of date.
"""

import json
import keyword
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from serving.app import create_app
from serving.settings import ServingSettings

FOLDER = Path(__file__).parent.parent / "clients" / "python" / "tandem_client"
MODELS, SYNC, ASYNC = "models.py", "sync_calls.py", "async_calls.py"

Schema = Mapping[str, Any]

_BASIC = {
    "string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None",
}  # fmt: skip
_JSON, _FORM, _BYTES = (
    "application/json",
    "application/x-www-form-urlencoded",
    "application/octet-stream",
)
_ONCE_BY_ID = {"record_events"}
"""Their events have ids, so that they can be sent again."""


def document() -> dict[str, Any]:
    """The description of the API."""
    app = create_app(ServingSettings(database_url="postgresql://x", redis_url="redis://x"))
    described: dict[str, Any] = json.loads(json.dumps(app.openapi()))
    return described


def type_of(schema: Schema, prefix: str = "") -> str:
    """The Python type of what a schema describes; `prefix` goes before the names of models."""
    if "$ref" in schema:
        return prefix + str(schema["$ref"]).rpartition("/")[2]
    if "enum" in schema or "const" in schema:
        values = schema["enum"] if "enum" in schema else [schema["const"]]
        return f"Literal[{', '.join(map(repr, values))}]"
    for combined in ("anyOf", "oneOf", "allOf"):
        if combined in schema:
            return _union(type_of(each, prefix) for each in schema[combined])
    kind = schema.get("type")
    if isinstance(kind, list):
        return _union(type_of({**schema, "type": each}, prefix) for each in kind)
    return _type_of_kind(kind, schema, prefix)


def _union(kinds: Iterable[str]) -> str:
    return " | ".join(sorted(dict.fromkeys(kinds), key="None".__eq__))


def _type_of_kind(kind: str | None, schema: Schema, prefix: str) -> str:
    if kind == "array":
        return f"list[{type_of(schema.get('items', {}), prefix)}]"
    if kind == "object":
        values = schema.get("additionalProperties")
        return f"dict[str, {type_of(values, prefix) if isinstance(values, dict) else 'Any'}]"
    return _BASIC.get(str(kind), "Any")


def models(described: Schema) -> str:
    """The module of the models."""
    schemas = dict(described["components"]["schemas"])
    for operation in operations(described):
        form = operation.get("requestBody", {}).get("content", {}).get(_FORM)
        if form:
            schemas[_form_name(operation)] = form["schema"]
    parts = [_model(name, schema) for name, schema in sorted(schemas.items())]
    return _module("What the API takes and answers, as dictionaries.", _MODEL_IMPORTS, parts)


_MODEL_IMPORTS = "from typing import Any, Literal, NotRequired, TypeAlias, TypedDict"


def _model(name: str, schema: Schema) -> str:
    if "properties" not in schema:
        kind = type_of(schema)
        # A name may stand further down; literals have none.
        is_literal = kind.startswith("Literal[") and kind.endswith("]")
        return f"{name}: TypeAlias = {kind}" if is_literal else f'{name}: TypeAlias = "{kind}"'
    required = set(schema.get("required", ()))
    fields = {field: type_of(described) for field, described in schema["properties"].items()}
    fields = {
        field: kind if field in required else f"NotRequired[{kind}]"
        for field, kind in fields.items()
    }
    about = schema.get("description", f"{name}.")
    if any(map(keyword.iskeyword, fields)):
        # Python's own words name no attribute of a class.
        entries = "".join(f'"{field}": {kind}, ' for field, kind in fields.items())
        text = "\n".join(_docstring(about, 0))
        return f'{name} = TypedDict("{name}", {{{entries}}})\n{text}'
    lines = [f"class {name}(TypedDict):", *_docstring(about, 4)]
    lines += [f"    {field}: {kind}" for field, kind in fields.items()]
    return "\n".join(lines)


def operations(described: Schema) -> Iterator[dict[str, Any]]:
    """Every operation with its method and path."""
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            yield {**operation, "method": method.upper(), "path": path}


def calls(described: Schema, *, is_async: bool) -> str:
    """The module with a method for each operation."""
    parts = [_method(operation, is_async=is_async) for operation in operations(described)]
    name = "AsyncCalls" if is_async else "Calls"
    maybe_async = "async " if is_async else ""
    head = (
        f'class {name}:\n    """A method for each operation of the API."""\n\n'
        f"    {maybe_async}def call(self, call: Call) -> Any:\n"
        '        """The body of the answer."""\n        raise NotImplementedError\n'
    )
    body = head + "\n" + "\n\n".join(textwrap.indent(part, "    ") for part in parts)
    about = (
        "The operations of the API, to be awaited." if is_async else "The operations of the API."
    )
    return _module(about, _CALL_IMPORTS, [body])


_CALL_IMPORTS = (
    "from collections.abc import Mapping, Sequence\nfrom typing import Any, Literal, cast\n\n"
    "from tandem_client import models\nfrom tandem_client.call import Call, in_path"
)


def _method(operation: Schema, *, is_async: bool) -> str:
    positional, given = ["self"], []
    path = operation["path"]
    for parameter in _parameters(operation, "path"):
        name = parameter["name"]
        positional.append(f"{name}: {type_of(parameter['schema'], 'models.')}")
        path = path.replace(f"{{{name}}}", f"{{in_path({name})}}")
    body = _body(operation)
    if body:
        positional.append(f"{body[0]}: {body[1]}")
        given.append(f"{body[0]}={body[0]}")
    query = list(_parameters(operation, "query"))
    if query:
        positional.append("*")
        positional += [_keyword(parameter) for parameter in query]
        pairs = ", ".join(f'"{each["name"]}": {_name(each["name"])}' for each in query)
        given.append(f"query={{{pairs}}}")
    if _may_repeat(operation):
        given.append("repeatable=True")
    answer = _answer(operation)
    f = "f" if "{" in path else ""
    made = f"Call({', '.join([repr(operation['method']), f + chr(34) + path + chr(34), *given])})"
    asked = f"{'await ' if is_async else ''}self.call({made})"
    head = f"{'async ' if is_async else ''}def {operation['operationId']}"
    description = operation.get("description") or f"{operation['operationId']}."
    lines = [
        f"{head}({', '.join(positional)}) -> {answer}:",
        *_docstring(description, 4),
        f"    {asked}" if answer == "None" else f'    return cast("{answer}", {asked})',
    ]
    return "\n".join(lines)


def _parameters(operation: Schema, where: str) -> Iterator[Schema]:
    return (each for each in operation.get("parameters", ()) if each["in"] == where)


def _name(name: str) -> str:
    return f"{name}_" if keyword.iskeyword(name) else name


def _keyword(parameter: Schema) -> str:
    kind = type_of(parameter["schema"], "models.").replace("list[", "Sequence[")
    if parameter.get("required"):
        return f"{_name(parameter['name'])}: {kind}"
    return f"{_name(parameter['name'])}: {kind} | None = None"


def _body(operation: Schema) -> tuple[str, str] | None:
    content = operation.get("requestBody", {}).get("content", {})
    if _JSON in content:
        return "body", type_of(content[_JSON]["schema"], "models.")
    if _FORM in content:
        return "form", f"models.{_form_name(operation)}"
    return ("content", "bytes") if _BYTES in content else None


def _form_name(operation: Schema) -> str:
    words = str(operation["operationId"]).split("_")
    return "".join(word.title() for word in words) + "Form"


def _answer(operation: Schema) -> str:
    kinds = []
    for status, response in operation["responses"].items():
        if status.startswith("2"):
            content = response.get("content", {})
            if _JSON in content:
                kinds.append(type_of(content[_JSON].get("schema", {}), "models."))
            else:
                kinds.append("str" if content else "None")
    return " | ".join(dict.fromkeys(kinds)) or "None"


def _may_repeat(operation: Schema) -> bool:
    """Whether it can be sent again without knowing what became of the first time."""
    reads = any(each == {"X-API-Key": ["read"]} for each in operation.get("security", ()))
    return operation["method"] != "POST" or reads or operation["operationId"] in _ONCE_BY_ID


def _docstring(text: str, indent: int) -> list[str]:
    blank = " " * indent
    first = re.sub(r"\s+", " ", text.strip().split("\n\n")[0]).replace("\\", "\\\\")
    lines = textwrap.wrap(first, 96 - indent, break_long_words=False, break_on_hyphens=False)
    if len(lines) == 1 and len(lines[0]) <= 90 - indent:
        return [f'{blank}"""{lines[0]}"""']
    return [f'{blank}"""{lines[0]}', *(blank + line for line in lines[1:]), f'{blank}"""']


_HEAD = """\"\"\"{about}

Made of the description of the API by `python -m tests.client_code`.
\"\"\"

from __future__ import annotations

{imports}

"""


def _module(about: str, imports: str, parts: Sequence[str]) -> str:
    head = _HEAD.format(about=about, imports=imports)
    return _formatted(head + "\n\n\n".join(parts) + "\n")


def _formatted(text: str) -> str:
    program = Path(sys.executable).parent / "ruff"
    for command in (["check", "--fix", "--select", "I,F401", "--quiet"], ["format", "--quiet"]):
        done = subprocess.run(
            [program, *command, "--stdin-filename", FOLDER / "made.py", "-"],
            input=text, capture_output=True, text=True, check=True,
        )  # fmt: skip
        text = done.stdout
    return text


def made() -> dict[str, str]:
    """The text of each file."""
    described = document()
    return {
        MODELS: models(described),
        SYNC: calls(described, is_async=False),
        ASYNC: calls(described, is_async=True),
    }


if __name__ == "__main__":
    for name, text in made().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
