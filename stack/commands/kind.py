"""List, create and change the kinds of events."""

from stack.command_line.lazy import lazy_group

app = lazy_group(
    {"list": "stack.commands.kind_list", "set": "stack.commands.kind_set"},
    no_args_is_help=True,
    help=__doc__,
)
