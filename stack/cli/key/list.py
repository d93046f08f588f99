"""List the API keys by name; the keys themselves are stored nowhere."""

from collections.abc import Sequence
from datetime import UTC, datetime

from rich.markup import escape
from rich.table import Table

from serving.access.callers import SCOPES
from serving.access.keys import KeyRecord
from stack.api_key import load_keys
from stack.cli.database import opened_database
from stack.cli.lists import print_list
from stack.cli.options import AsJson
from stack.cli.preparing import prepare


def command(*, as_json: AsJson = False) -> None:
    """Write a table, or a JSON array: `name`, `scopes`, `created_at`, `revoked_at` and more."""
    with opened_database(*prepare(), "tandem key") as connection:
        records = load_keys(connection)
    print_list(
        records,
        _plain,
        _table,
        nothing="No keys yet. Make one: tandem key create --name APP",
        as_json=as_json,
    )


def _plain(record: KeyRecord) -> dict[str, object]:
    return {
        "key_id": record.key_id,
        "name": record.name,
        "prefix": record.prefix,
        "scopes": record.scopes,
        "limit": record.per_minute,
        "created_at": record.created_at.isoformat(),
        "expires_at": record.expires_at and record.expires_at.isoformat(),
        "last_used_at": record.last_used_at and record.last_used_at.isoformat(),
        "revoked_at": record.revoked_at and record.revoked_at.isoformat(),
    }


def _table(records: Sequence[KeyRecord]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("name", overflow="fold", min_width=5)
    table.add_column("prefix", no_wrap=True)
    table.add_column("scopes", overflow="fold", min_width=5)
    table.add_column("limit", no_wrap=True, justify="right")
    for heading in ("created", "ends", "last used"):
        table.add_column(heading, no_wrap=heading != "ends")
    for record in records:
        table.add_row(
            escape(record.name),
            record.prefix,
            ", ".join(scope for scope in SCOPES if scope in record.scopes),
            "" if record.per_minute is None else f"{record.per_minute}",
            f"{record.created_at:%Y-%m-%d}",
            _end(record),
            f"{record.last_used_at:%Y-%m-%d}" if record.last_used_at else "never",
        )
    return table


def _end(record: KeyRecord) -> str:
    if record.revoked_at is not None:
        return f"revoked {record.revoked_at:%Y-%m-%d}"
    if record.expires_at is None:
        return "never"
    word = "expired " if record.expires_at <= datetime.now(UTC) else ""
    return f"{word}{record.expires_at:%Y-%m-%d}"
