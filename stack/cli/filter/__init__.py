"""List, add and remove the attributes that filters ask for often."""

from stack.cli.lazy import lazy_group

app = lazy_group(
    {
        "list": "stack.cli.filter.list",
        "add": "stack.cli.filter.add",
        "remove": "stack.cli.filter.remove",
    },
    no_args_is_help=True,
    help=__doc__,
)
