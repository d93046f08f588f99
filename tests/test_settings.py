"""Settings are listed with their defaults, each default is one, and no other variable passes."""

from pathlib import Path

import pytest
from pydantic import ValidationError
from pydantic_settings import BaseSettings

from batch.parameters import ListHyperparameters, SpaceParameters
from batch.settings import BatchSettings
from domain.blend import BlendPolicy
from domain.errors import UnknownSettingError
from serving.diagnosis.finding import Bounds
from serving.diagnosis.settings import DiagnosisSettings
from serving.lists.list_builder import RerankingPolicy
from serving.lists.settings import BlendSettings, RerankingSettings
from serving.postgres.settings import ResilienceSettings
from serving.runtime.breaker import BreakerRules
from serving.settings import ServingSettings
from speed.settings import SpeedSettings
from sql.environment import CONSTANT, refuse_unknown_variables
from stack.settings import StackSettings
from tests import configuration

FIRST = 15


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        (configuration.EXAMPLE, configuration.example),
        (configuration.PAGE, configuration.page),
        (configuration.VARIABLES, configuration.variables),
    ],
    ids=lambda given: getattr(given, "name", ""),
)
def test_what_lists_the_settings_is_as_their_classes_say(path: Path, wanted: object) -> None:
    assert callable(wanted)
    written = path.read_text(encoding="utf-8")
    assert written == wanted(), "run: .venv/bin/python -m tests.configuration"


def test_an_operator_has_fifteen_settings_to_look_at_first() -> None:
    assert len(configuration.MAIN) == FIRST
    assert set(configuration.MAIN) <= set(configuration.settings())


def test_every_setting_says_what_it_is_for() -> None:
    for reported in configuration.settings().values():
        assert len(reported.description) > len("."), reported.variable


def test_a_variable_that_two_classes_read_has_one_default() -> None:
    seen: dict[str, object] = {}
    for owner in configuration.CLASSES:
        for name, field in configuration.read_fields(owner):
            # Without an address of its own the stack starts an embedded server.
            if field.is_required():
                continue
            variable = configuration.variable_of(owner, name, field)
            assert seen.setdefault(variable, field.default) == field.default, variable


def test_settings_that_are_not_set_make_the_policies_as_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in configuration.settings():
        monkeypatch.delenv(name, raising=False)
    assert BlendSettings().blend() == BlendPolicy()
    assert ResilienceSettings().breaker_rules() == BreakerRules()
    assert DiagnosisSettings().bounds() == Bounds()
    assert RerankingSettings().reranking() == RerankingPolicy()
    assert BatchSettings().list_hyperparameters() == ListHyperparameters()
    assert BatchSettings().space_parameters() == SpaceParameters()


def test_a_constant_is_given_by_code_and_never_by_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert CONSTANT in SpeedSettings.model_fields["poll_seconds"].metadata
    monkeypatch.setenv("TANDEM_SPEED_POLL_SECONDS", "7")
    default = SpeedSettings.model_fields["poll_seconds"].default
    assert SpeedSettings().poll_seconds == default
    assert SpeedSettings(poll_seconds=default + 1).poll_seconds == default + 1


def test_settings_of_all_layers_and_of_other_programs_are_taken() -> None:
    known = dict.fromkeys([*configuration.settings(), *configuration.INTERNAL], "")
    refuse_unknown_variables({**known, "PATH": "/bin", "DATABASE_NAME": "x", "TANDEM_DEBUG": "1"})


def test_a_misspelt_setting_is_refused_with_the_name_that_was_meant() -> None:
    with pytest.raises(UnknownSettingError, match="Did you mean TANDEM_BLEND_SHARPNESS") as error:
        refuse_unknown_variables({"TANDEM_BLEND_SHARPNES": "3", "TANDEM_SPEED_POLL_SECONDS": "7"})
    assert "TANDEM_SPEED_POLL_SECONDS is not a setting." in str(error.value)


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
