"""`.env.example` lists every setting there is, with its default."""

from pathlib import Path

import pytest
from pydantic import AliasChoices, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from batch.settings import BatchSettings, TuneSettings
from flows.settings import HousekeepingSettings
from serving.settings import ServingSettings
from speed.settings import RedisSettings, SpeedSettings
from sql.settings import OwnerSettings
from stack.settings import StackSettings

EXAMPLE = Path(__file__).parent.parent / ".env.example"
CLASSES: tuple[type[BaseSettings], ...] = (
    BatchSettings,
    HousekeepingSettings,
    OwnerSettings,
    RedisSettings,
    ServingSettings,
    SpeedSettings,
    StackSettings,
    TuneSettings,
)


def listed() -> dict[str, str]:
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    pairs = [line.partition("=") for line in lines if line and not line.startswith("#")]
    return {name: value for name, _, value in pairs}


def variable(settings: type[BaseSettings], name: str, field: FieldInfo) -> str:
    alias = field.validation_alias
    assert not isinstance(alias, AliasChoices)
    return str(alias) if alias else f"{settings.model_config['env_prefix']}{name}".upper()


def known() -> dict[str, object]:
    return {
        variable(settings, name, field): field.default
        for settings in CLASSES
        for name, field in settings.model_fields.items()
    }


def test_every_setting_is_listed_and_nothing_else() -> None:
    assert set(listed()) == set(known())


def test_the_listed_values_are_the_defaults() -> None:
    for name, default in known().items():
        value = listed()[name]
        if isinstance(default, bool):
            assert value == str(default).lower(), name
        elif not isinstance(default, int | float):
            written = "" if default is None or not isinstance(default, str | Path) else str(default)
            assert value == written, name
        else:
            assert float(value) == float(default), name


@pytest.mark.parametrize("settings", [ServingSettings, SpeedSettings, StackSettings])
def test_a_log_level_that_is_none_is_refused(
    settings: type[BaseSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql:///x")
    monkeypatch.setenv("REDIS_URL", "redis://x")
    monkeypatch.setenv("TANDEM_LOG_LEVEL", "ERROR")
    assert settings().log_level == "ERROR"  # type: ignore[attr-defined]
    monkeypatch.setenv("TANDEM_LOG_LEVEL", "LOUD")
    with pytest.raises(ValidationError, match=r"(?i)log_level"):
        settings()
