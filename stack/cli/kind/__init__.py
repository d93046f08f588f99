"""List, create and change the kinds of events."""

from stack.cli.lazy import lazy_group

app = lazy_group(
    {"list": "stack.cli.kind.list", "set": "stack.cli.kind.set"},
    no_args_is_help=True,
    help=__doc__,
)
