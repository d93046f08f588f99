"""Mend what was damaged, while all goes on."""

from stack.cli.lazy import lazy_group

app = lazy_group({"index": "stack.cli.repair.index"}, no_args_is_help=True, help=__doc__)
