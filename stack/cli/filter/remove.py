"""Drop the indexes of an attribute. Filters with it go on to work, as those with any other."""

from typing import Annotated

import typer

from sql.filtered_attributes import remove_attribute
from stack.cli.answers import print_answer
from stack.cli.options import AsJson
from stack.cli.preparing import prepare
from stack.database import using_engine
from stack.local.stores import opened_stores
from stack.person import person_at_the_machine


def command(
    attribute: Annotated[str, typer.Argument(metavar="ATTRIBUTE", help="Its name, such as year.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Exit code 0 once they are gone; AttributeRefusedError if it is not declared."""
    with (
        opened_stores(*prepare(), "tandem filter") as stores,
        using_engine(stores.database.owner) as engine,
    ):
        remove_attribute(engine, attribute, actor=person_at_the_machine())
    text = f"{attribute} has no indexes any more."
    print_answer({"attribute": attribute, "removed": True}, text, as_json=as_json)
