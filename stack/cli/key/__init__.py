"""Create, list and revoke API keys."""

from stack.cli.lazy import lazy_group

app = lazy_group(
    {
        "create": "stack.cli.key.create",
        "list": "stack.cli.key.list",
        "revoke": "stack.cli.key.revoke",
    },
    no_args_is_help=True,
    help=__doc__,
)
