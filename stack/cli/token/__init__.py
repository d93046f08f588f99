"""Look after the keys that tokens are signed with."""

from stack.cli.lazy import lazy_group

app = lazy_group({"rotate": "stack.cli.token.rotate"}, no_args_is_help=True, help=__doc__)
