"""Traces of requests by OpenTelemetry: only the settings are read unless TANDEM_TRACING is on."""
