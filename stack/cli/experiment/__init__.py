"""Make experiments on a placement, start and stop them, look at them, adopt an arm."""

from stack.cli.lazy import lazy_group

app = lazy_group(
    {
        "list": "stack.cli.experiment.list",
        "show": "stack.cli.experiment.show",
        "create": "stack.cli.experiment.create",
        "start": "stack.cli.experiment.start",
        "stop": "stack.cli.experiment.stop",
        "adopt": "stack.cli.experiment.adopt",
    },
    no_args_is_help=True,
    help=__doc__,
)
