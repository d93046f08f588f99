"""Create, list and revoke API keys."""

from stack.command_line.lazy import lazy_group

app = lazy_group(
    {
        "create": "stack.commands.key_create",
        "list": "stack.commands.key_list",
        "revoke": "stack.commands.key_revoke",
    },
    no_args_is_help=True,
    help=__doc__,
)
