"""Decide what lists are at each place of an app."""

from stack.cli.lazy import lazy_group

app = lazy_group(
    {
        "list": "stack.cli.placement.list",
        "show": "stack.cli.placement.show",
        "versions": "stack.cli.placement.versions",
        "preview": "stack.cli.placement.preview",
        "save": "stack.cli.placement.save",
        "rollback": "stack.cli.placement.rollback",
        "delete": "stack.cli.placement.delete",
    },
    no_args_is_help=True,
    help=__doc__,
)
