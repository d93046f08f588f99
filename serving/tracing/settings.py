"""Whether requests are traced, and what takes the spans."""

from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from sql.environment import LayerSettings

NO_EXPORTER = "none"

_EXPORTERS = "opentelemetry_traces_exporter"
"""The entry points under which packages offer exporters."""
_NAMES = {"otlp": "otlp_proto_http"}


class TracingSettings(LayerSettings):
    """All else of OpenTelemetry is read by its SDK, from the variables that begin with OTEL_."""

    model_config = SettingsConfigDict(env_prefix="TANDEM_", validate_by_name=True)

    tracing: bool = Field(
        False,
        description="Trace requests by OpenTelemetry; needs the extra [otel], and is set up by the"
        " variables of OpenTelemetry (docs/tracing.md).",
    )
    traces_exporter: str = Field(
        "otlp",
        validation_alias="OTEL_TRACES_EXPORTER",
        description="What takes the spans: otlp, console, none, or another exporter that is"
        " installed.",
    )

    @model_validator(mode="after")
    def _refuse_what_is_missing(self) -> "TracingSettings":
        if not self.tracing:
            return self
        if find_spec("opentelemetry") is None or find_spec("opentelemetry.sdk") is None:
            raise ValueError("TANDEM_TRACING needs: pip install 'tandem-recommender[otel]'")
        if self.traces_exporter != NO_EXPORTER:
            exporter_named(self.traces_exporter)
        return self


def exporter_named(name: str) -> EntryPoint:
    """The exporter that is installed under a name; ValueError if there is none."""
    found = entry_points(group=_EXPORTERS, name=_NAMES.get(name, name))
    for exporter in found:
        return exporter
    known = {NO_EXPORTER, *_NAMES, *(each.name for each in entry_points(group=_EXPORTERS))}
    raise ValueError(
        f"OTEL_TRACES_EXPORTER: no exporter {name!r} is installed. There are:"
        f" {', '.join(sorted(known))}"
    )
