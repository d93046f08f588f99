"""Writes what lists the settings, from their classes: `python -m tests.configuration`.

`.env.example`, `docs/configuration.md` and `sql/variables.txt` come from here; a test compares.
"""

import re
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import AliasChoices
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from batch.settings import BatchSettings, TuneSettings
from batch.spark.settings import SparkSettings
from flows.settings import DiagnoseSettings, HousekeepingSettings
from loading.settings import LoadingSettings
from serving.kafka.settings import KafkaSettings
from serving.settings import ServingSettings
from speed.settings import RedisSettings, SpeedSettings
from sql.environment import CONSTANT
from sql.settings import OwnerSettings, PooledDatabaseSettings
from stack.settings import StackSettings

ROOT = Path(__file__).parent.parent
EXAMPLE, PAGE = ROOT / ".env.example", ROOT / "docs" / "configuration.md"
VARIABLES = ROOT / "sql" / "variables.txt"
WIDTH = 100

SECTIONS: dict[str, tuple[type[BaseSettings], ...]] = {
    "Servers of your own": (OwnerSettings, PooledDatabaseSettings, RedisSettings),
    "The stack on one machine": (StackSettings,),
    "The API": (ServingSettings, LoadingSettings),
    "Events from Kafka": (KafkaSettings,),
    "The speed worker": (SpeedSettings,),
    "The nightly run": (BatchSettings,),
    "The nightly run on Spark": (SparkSettings,),
    "The weekly tuning": (TuneSettings,),
    "The daily housekeeping": (HousekeepingSettings,),
    "The diagnosis from Prefect": (DiagnoseSettings,),
}
CLASSES = tuple(settings for classes in SECTIONS.values() for settings in classes)

MAIN = (
    "DATABASE_URL",
    "REDIS_URL",
    "READ_DATABASE_URL",
    "TANDEM_HOME",
    "TANDEM_API_HOST",
    "TANDEM_API_PORT",
    "TANDEM_API_WORKERS",
    "TANDEM_PREFECT_PORT",
    "TANDEM_LOG_LEVEL",
    "TANDEM_BLEND_BATCH_WEIGHT",
    "TANDEM_EXPLORATION_SHARE",
    "TANDEM_DIVERSITY",
    "TANDEM_MAX_PER_CATEGORY",
    "TANDEM_BATCH_WORDS_LANGUAGE",
    "TANDEM_BATCH_RETAINED_RUNS",
)
"""What an operator may want to set first."""

INTERNAL = frozenset({"TANDEM_STARTED_AT"})
"""Set by the project itself."""
OF_OTHERS = frozenset({"TANDEM_DEBUG", "TANDEM_SITE"})
"""Read by the command line and by docker-compose.yml, and no field of a class."""

INTRODUCTION = """\
# Configuration

Nothing needs to be set: `make up` runs as it is. Settings are environment variables. The command
`tandem` also reads them from a file `.env` in the folder it is called in; `docker-compose.yml`
reads `tandem.env`. Each process reads them once, when it starts.

A variable that begins with `TANDEM_` and is not a setting is refused at the start, with the name
that was probably meant, and so is a value out of range. Variables set to nothing count as not set.

Two more variables are not settings of a process: `TANDEM_DEBUG=1` makes `tandem` show the traceback
of an error, and `TANDEM_SITE` is the name that the proxy of `docker-compose.yml` answers to.

This page and `.env.example` are written from the classes by `python -m tests.configuration`.
"""


@dataclass(frozen=True, slots=True)
class Setting:
    """One variable, as people are told of it."""

    variable: str
    section: str
    default: object
    description: str

    @property
    def value(self) -> str:
        """The default as a variable; empty if there is none."""
        if self.default is None or not isinstance(self.default, bool | int | float | str | Path):
            return ""
        if isinstance(self.default, bool):
            return str(self.default).lower()
        is_whole = isinstance(self.default, float) and self.default.is_integer()
        return str(int(self.default) if is_whole else self.default)  # type: ignore[call-overload]


def settings() -> dict[str, Setting]:
    """All settings by variable, each as the first class that has it tells of it."""
    found: dict[str, Setting] = {}
    for section, classes in SECTIONS.items():
        for owner in classes:
            for name, field in read_fields(owner):
                variable = variable_of(owner, name, field)
                reported = Setting(variable, section, field.default, sentence(field))
                found.setdefault(variable, reported)
    return {name: reported for name, reported in found.items() if name not in INTERNAL}


def read_fields(owner: type[BaseSettings]) -> Iterator[tuple[str, FieldInfo]]:
    """The fields that are read from the environment."""
    for name, field in owner.model_fields.items():
        if CONSTANT not in field.metadata:
            yield name, field


def variable_of(owner: type[BaseSettings], name: str, field: FieldInfo) -> str:
    """The variable that a field is read from."""
    alias = field.validation_alias
    assert not isinstance(alias, AliasChoices)
    return str(alias) if alias else f"{owner.model_config['env_prefix']}{name}".upper()


def sentence(field: FieldInfo) -> str:
    """What the field is for, as a sentence."""
    reported = field.description or ""
    # A letter of a formula, or a value that is explained, stays as it is written.
    as_written = re.match(r"[a-z]+:|a in ", reported)
    start = reported if as_written else reported[:1].upper() + reported[1:]
    return start if start.endswith(".") else f"{start}."


def table(rows: Iterable[Setting]) -> str:
    """A table of settings."""
    lines = ["| variable | default | meaning |", "|---|---|---|"]
    for row in rows:
        default = f"`{row.value}`" if row.value else "unset"
        lines.append(f"| `{row.variable}` | {default} | {row.description.replace('|', '/')} |")
    return "\n".join(lines)


def page() -> str:
    """docs/configuration.md."""
    known = settings()
    advanced = [reported for name, reported in known.items() if name not in MAIN]
    parts = [INTRODUCTION, "## The first fifteen\n", table(known[name] for name in MAIN), ""]
    parts += ["## Advanced\n", "Change one only for a reason.\n"]
    for section in SECTIONS:
        rows = [reported for reported in advanced if reported.section == section]
        parts += [f"### {section}\n", table(rows), ""]
    return "\n".join(parts)


def example() -> str:
    """.env.example."""
    known = settings()
    lines = [
        "# Copy to .env what you change. Nothing needs to be set: `make up` runs as it is.",
        "# A setting without a value here has no default. docs/configuration.md explains all.",
    ]
    for name in MAIN:
        lines += ["", *textwrap.wrap(f"# {known[name].description}", WIDTH, subsequent_indent="# ")]
        lines.append(f"{name}={known[name].value}")
    lines += ["", "# --- advanced"]
    for section in SECTIONS:
        rows = [reported for reported in known.values() if reported.section == section]
        rows = [reported for reported in rows if reported.variable not in MAIN]
        lines += [
            "",
            f"# {section}",
            *(f"{reported.variable}={reported.value}" for reported in rows),
        ]
    return "\n".join(lines) + "\n"


def variables() -> str:
    """sql/variables.txt: every name that begins with TANDEM_ and is known."""
    names = {name for name in settings() if name.startswith("TANDEM_")} | INTERNAL | OF_OTHERS
    return "\n".join(sorted(names)) + "\n"


if __name__ == "__main__":
    VARIABLES.write_text(variables(), encoding="utf-8")
    EXAMPLE.write_text(example(), encoding="utf-8")
    PAGE.write_text(page(), encoding="utf-8")
