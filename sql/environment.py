"""Which variables of the environment are settings, and that no other is taken for one."""

import difflib
import os
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from domain.errors import UnknownSettingError

CONSTANT = "constant"
"""Marks a field that code may give, as tests do, and that the environment cannot change."""

_PREFIX = "TANDEM_"


class _Environment(EnvSettingsSource):
    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        if CONSTANT in field.metadata:
            return None, field_name, False
        return super().get_field_value(field, field_name)


class LayerSettings(BaseSettings):
    """Settings of one layer: its fields are read from the environment, constants are not.

    A variable set to nothing counts as not set, so that `.env.example` can be copied as it is.
    """

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 -- replaced
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 -- none
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 -- none
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first, then the environment."""
        return init_settings, _Environment(settings_cls)


def known_variables() -> frozenset[str]:
    """The names of all settings of all layers that begin with TANDEM_."""
    listed = files("sql").joinpath("variables.txt").read_text(encoding="utf-8")
    return frozenset(listed.split())


def refuse_unknown_variables(environment: Mapping[str, str] | None = None) -> None:
    """UnknownSettingError if a variable begins with TANDEM_ and is none: it would have no effect.

    To be called at each entry point, before settings are read.
    """
    given = os.environ if environment is None else environment
    known = known_variables()
    unknown = sorted(name for name in given if name.startswith(_PREFIX) and name not in known)
    if unknown:
        raise UnknownSettingError("\n".join(_refusal(name, known) for name in unknown))


def _refusal(name: str, known: frozenset[str]) -> str:
    alike = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.85)
    meant = f" Did you mean {alike[0]}?" if alike else ""
    return f"{name} is not a setting.{meant} All settings are listed in docs/configuration.md."
