"""Which settings are in force in this process, and where each comes from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import AnyUrl, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from sql.environment import CONSTANT

Origin = Literal["environment", "default"]

MASK = "********"


@dataclass(frozen=True, slots=True)
class SettingInForce:
    """One setting."""

    name: str
    """The variable of the environment."""
    value: str | None
    """As text; None: not set. Of secrets a mask."""
    origin: Origin
    description: str


class SettingsReader:
    """Lists the settings of this process."""

    def __init__(self, settings: BaseSettings) -> None:
        self._settings = settings

    def list(self) -> Sequence[SettingInForce]:
        """All that the environment can change, by name."""
        return list(settings_in_force(self._settings))


def settings_in_force(settings: BaseSettings) -> Iterator[SettingInForce]:
    """See `SettingsReader.list`."""
    fields = type(settings).model_fields
    for name in sorted(fields, key=lambda name: variable_of(settings, name, fields[name])):
        field = fields[name]
        if CONSTANT not in field.metadata:
            yield SettingInForce(
                variable_of(settings, name, field),
                _shown(getattr(settings, name)),
                "environment" if name in settings.model_fields_set else "default",
                field.description or "",
            )


def variable_of(settings: BaseSettings, name: str, field: FieldInfo) -> str:
    """The variable a field is read from."""
    if isinstance(field.validation_alias, str):
        return field.validation_alias
    prefix = type(settings).model_config.get("env_prefix", "")
    return f"{prefix}{name}".upper()


def _shown(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, SecretStr):
        return MASK if value.get_secret_value() else ""
    if isinstance(value, AnyUrl):
        # What follows the host may hold a secret, and so may what stands before it.
        return f"{value.scheme}://{value.host}/{MASK}"
    if isinstance(value, list | tuple | set | frozenset):
        return ",".join(str(_shown(each)) for each in value)
    return str(value)
