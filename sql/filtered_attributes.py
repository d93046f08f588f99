"""Attributes of items that are filtered often: declared, listed and removed by the owner."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine

from domain.errors import InvalidInputError, TandemError
from sql.audit import add_audit_entry
from sql.locks import FILTERED_ATTRIBUTES, session_lock
from sql.roles import owns_tables
from sql.statements import statements

_ATTRIBUTES = statements("filtered_attributes")
_LONGEST_NAME = 200


class AttributeRefusedError(InvalidInputError):
    """An attribute cannot be declared so."""


class NotOwnerOfItemsError(TandemError):
    """Only the owner of the tables builds and drops indexes.

    Name that role too: DATABASE_OWNER_URL=postgresql://owner:password@host/database
    """


@dataclass(frozen=True, slots=True)
class FilteredAttribute:
    """An attribute that is declared."""

    name: str
    added_at: datetime
    is_indexed: bool
    """False: its indexes were never finished; adding it again does."""
    bytes: int
    """What its indexes take."""


@dataclass(frozen=True, slots=True)
class AddedAttribute:
    """What adding an attribute has done."""

    built: bool
    """False: it was indexed already."""
    items: int
    """How many items have it."""


def list_attributes(connection: Connection) -> list[FilteredAttribute]:
    """All that are declared, by name."""
    return [FilteredAttribute(*row) for row in connection.execute(_ATTRIBUTES["list_attributes"])]


def add_attribute(engine: Engine, name: str, *, actor: str) -> AddedAttribute:
    """Declare an attribute and build its indexes; nothing stops meanwhile.

    Harmless twice. Killed half-way it leaves what no filter uses, and what adding it again mends.
    Raises AttributeRefusedError, and NotOwnerOfItemsError for any role but the owner.
    """
    _check_name(name)
    with _alone(engine) as session:
        found = session.execute(_ATTRIBUTES["find_attribute"], {"name": name}).first()
        if found is None or not found.is_indexed:
            with engine.begin() as connection:
                declared = connection.execute(_ATTRIBUTES["declare_attribute"], {"name": name})
                attribute_no = declared.scalar_one()
                if found is None:
                    add_audit_entry(connection, "add filtered attribute", name, actor=actor)
            _run(session, "write_indexing", attribute_no=attribute_no, name=name)
        items = session.execute(_ATTRIBUTES["count_items_with"], {"name": name}).scalar_one()
    return AddedAttribute(found is None or not found.is_indexed, items)


def remove_attribute(engine: Engine, name: str, *, actor: str) -> None:
    """Drop an attribute's indexes; filters with it work as those with any other.

    Raises AttributeRefusedError if it is not declared, and NotOwnerOfItemsError.
    """
    with _alone(engine) as session:
        found = session.execute(_ATTRIBUTES["find_attribute"], {"name": name}).first()
        if found is None:
            raise AttributeRefusedError(
                f"{name[:80]!r} is not declared. `tandem filter list` shows what is."
            )
        # The indexes first: killed in between, removing it again drops the rest.
        _run(session, "write_dropping", attribute_no=found.attribute_no)
        with engine.begin() as connection:
            asked = {"attribute_no": found.attribute_no}
            connection.execute(_ATTRIBUTES["delete_attribute"], asked)
            add_audit_entry(connection, "remove filtered attribute", name, actor=actor)


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """A session in autocommit, of the owner, beside which nobody else builds these indexes."""
    with engine.connect() as connection:
        session = connection.execution_options(isolation_level="AUTOCOMMIT")
        if not owns_tables(session):
            raise NotOwnerOfItemsError
        with session_lock(session, FILTERED_ATTRIBUTES) as is_held:
            if not is_held:
                raise AttributeRefusedError(
                    "An attribute is being added or removed just now. Wait for it to end."
                )
            yield session


def _run(session: Connection, writing: str, **parameters: object) -> None:
    """Run the statements that another has written."""
    for statement in session.execute(_ATTRIBUTES[writing], parameters).scalar_one():
        # As it is: a name may have a colon or a per cent sign.
        session.exec_driver_sql(statement, execution_options={"no_parameters": True})


def _check_name(name: str) -> None:
    if not 1 <= len(name) <= _LONGEST_NAME or "\0" in name:
        raise AttributeRefusedError(f"A name has 1 to {_LONGEST_NAME} characters.")
    if "." in name:
        raise AttributeRefusedError(
            f"{name!r} cannot be declared: only what stands in `attributes` itself can, no value"
            " within another."
        )
