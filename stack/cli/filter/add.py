"""Build the indexes of an attribute, so that filters with it are fast; nothing stops meanwhile.

They serve =, in, and ranges of numbers that an item must meet. If it is interrupted, add it again.
"""

from typing import Annotated

import typer

from sql.filtered_attributes import AddedAttribute, add_attribute
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
    """Exit code 0 once its indexes can be used; AttributeRefusedError if it cannot be declared.

    As JSON: `attribute`, whether its indexes were `built`, and how many `items` have it.
    """
    with (
        opened_stores(*prepare(), "tandem filter") as stores,
        using_engine(stores.database.owner) as engine,
    ):
        added = add_attribute(engine, attribute, actor=person_at_the_machine())
    fields = {"attribute": attribute, "built": added.built, "items": added.items}
    print_answer(fields, _summary(attribute, added), as_json=as_json)


def _summary(name: str, added: AddedAttribute) -> str:
    done = "is indexed now" if added.built else "is indexed already; nothing changed"
    if not added.items:
        return f"{name} {done}. No item has it: is its name right?"
    return f"{name} {done}. {added.items:,} items have it."
