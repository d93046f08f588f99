"""What a validator asks of a value, said in the documentation too."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema


@dataclass(frozen=True)
class Documented:
    """Keywords of JSON Schema beside those that pydantic makes of a type."""

    keywords: Mapping[str, Any]

    __hash__ = object.__hash__

    def __get_pydantic_json_schema__(
        self, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """The schema with the keywords."""
        return {**handler(core_schema), **self.keywords}


_CONTROL = "\\u0000-\\u001f\\u007f-\\u009f"

WITHOUT_NUL = Documented({"pattern": "^[^\\u0000]*$"})
"""PostgreSQL keeps no text with it."""

NOT_BLANK = Documented({"pattern": "^[^\\u0000]*[^\\s\\u0000][^\\u0000]*$"})

ONE_NAME = Documented(
    {
        "pattern": f"^(?!\\.{{1,2}}$)[^\\s{_CONTROL}]"
        f"(?:[^{_CONTROL}\\u2028\\u2029]*[^\\s{_CONTROL}])?$"
    }
)
"""Neither blanks around it nor control characters in it."""

ONE_NAME_OR_NONE = Documented({"pattern": f"^$|{ONE_NAME.keywords['pattern']}"})

STORABLE_VALUES = Documented(
    {
        "additionalProperties": {
            "anyOf": [
                {"type": "string", **WITHOUT_NUL.keywords},
                {
                    "type": "integer",
                    "format": "int64",
                    "exclusiveMinimum": -(2**63),
                    "exclusiveMaximum": 2**63,
                },
                {"type": "number", "not": {"type": "integer"}},
                {"type": "boolean"},
                {"type": "null"},
                {"type": "array", "items": {}},
                {"type": "object", "additionalProperties": True},
            ]
        },
        "propertyNames": WITHOUT_NUL.keywords,
    }
)
"""Attributes; what is nested in them is bounded in the same way."""
