"""List the accounts: of the team, and of end users."""

from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table

from serving.accounts.account_keeping import AccountRecord
from stack.accounts import load_accounts
from stack.cli.database import opened_database
from stack.cli.lists import print_list
from stack.cli.options import AsJson
from stack.cli.preparing import prepare


def command(*, as_json: AsJson = False) -> None:
    """Write a table, or a JSON array of objects with `name`, `role`, `user_id` and more."""
    with opened_database(*prepare(), "tandem account") as connection:
        records = load_accounts(connection)
    print_list(
        records,
        _plain,
        _table,
        nothing="No accounts yet. Make one: tandem account create NAME --role admin --link",
        as_json=as_json,
    )


def _plain(record: AccountRecord) -> dict[str, object]:
    return {
        "account_id": record.account_id,
        "name": record.name,
        "role": record.role,
        "user_id": record.user_id,
        "created_at": record.created_at.isoformat(),
        "has_password": record.has_password,
        "disabled_at": record.disabled_at and record.disabled_at.isoformat(),
    }


def _table(records: Sequence[AccountRecord]) -> Table:
    table = Table("name", "role", "created", "", box=None, header_style="bold", pad_edge=False)
    for record in records:
        note = "" if record.has_password else "no password yet"
        if record.disabled_at is not None:
            note = f"disabled {record.disabled_at:%Y-%m-%d %H:%M}"
        table.add_row(escape(record.name), record.role, f"{record.created_at:%Y-%m-%d %H:%M}", note)
    return table
