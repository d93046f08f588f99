"""List the placements, and which version of each is in force."""

from stack.cli.options import AsJson
from stack.cli.placement.version_tables import print_versions
from stack.cli.preparing import prepare
from stack.placements.keeping import keep_placements


def command(*, as_json: AsJson = False) -> None:
    """Write a table, or a JSON array with the fields of `version_fields`."""
    found = keep_placements(*prepare(), lambda keeping, _actor: keeping.list())
    print_versions(found, as_json=as_json)
