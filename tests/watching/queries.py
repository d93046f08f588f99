"""The queries of the alerts and the dashboards, and what they name."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent.parent
ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"
DASHBOARDS = sorted((ROOT / "deploy" / "grafana" / "dashboards").glob("*.json"))

_SELECTOR = re.compile(r"\b((?:serving|speed|store|process)_\w+|up\b)(?:\{([^}]*)\})?")
_OF_ANY_NAME = re.compile(r'\{__name__=~"([^"]*)"([^}]*)\}')
_MATCHER = re.compile(r'(\w+)\s*(=~|!=|=)\s*"([^"]*)"')
_LABELS_OF = re.compile(r"\b(?:by|ignoring|on) \(([^)]*)\)")
_SHOWN = re.compile(r"\{\{ *(?:\$labels\.)?(\w+) *\}\}")


@dataclass(frozen=True, slots=True)
class Query:
    """One query, and the text that its results are shown with."""

    where: str
    expression: str
    shown: str
    """With the labels it names in double braces."""

    def selectors(self) -> dict[str, list[tuple[str, str, str]]]:
        """The metrics it reads, each with its matchers: label, operator, value."""
        found: dict[str, list[tuple[str, str, str]]] = {}
        for names, matchers in _OF_ANY_NAME.findall(self.expression):
            for name in names.split("|"):
                found.setdefault(name, []).extend(_MATCHER.findall(matchers))
        for name, matchers in _SELECTOR.findall(_OF_ANY_NAME.sub("", self._without_labels())):
            found.setdefault(name, []).extend(_MATCHER.findall(matchers))
        return found

    def labels(self) -> set[str]:
        """The labels that it groups by, or that are shown."""
        grouped = ", ".join(_LABELS_OF.findall(self.expression)).split(", ")
        return {label for label in (*grouped, *_SHOWN.findall(self.shown)) if label}

    def _without_labels(self) -> str:
        return _LABELS_OF.sub("", self.expression)


def alerts() -> list[dict[str, Any]]:
    """Every rule."""
    groups = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    """Every panel of every dashboard."""
    return [
        panel
        for path in DASHBOARDS
        for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]
    ]


def queries() -> list[Query]:
    """Those of all alerts and panels."""
    of_alerts = [
        Query(rule["alert"], rule["expr"], " ".join(rule["annotations"].values()))
        for rule in alerts()
    ]
    of_panels = [
        Query(panel["title"], target["expr"], target["legendFormat"])
        for panel in panels()
        for target in panel["targets"]
    ]
    return of_alerts + of_panels
