"""Mend what was damaged, while all goes on."""

from stack.command_line.lazy import lazy_group

app = lazy_group({"index": "stack.commands.repair_index"}, no_args_is_help=True, help=__doc__)
