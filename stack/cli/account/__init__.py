"""Create, list and disable accounts of people; make links to choose a password."""

from stack.cli.lazy import lazy_group

app = lazy_group(
    {
        "create": "stack.cli.account.create",
        "list": "stack.cli.account.list",
        "disable": "stack.cli.account.disable",
        "reset": "stack.cli.account.reset",
    },
    no_args_is_help=True,
    help=__doc__,
)
