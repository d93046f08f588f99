"""Rows that say themselves that they do not count: skipped, deleted, cancelled or given back."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from domain.errors import InvalidInputError
from loading.duck import literal, literals
from loading.findings import DEFAULT_KIND, ORDER_KIND, Findings
from loading.kinds_plan import QUANTITIES, kind_text, words_of, yes_and_no
from loading.options import AmbiguousInputError, Choice
from loading.plans import is_given
from loading.tables import Table
from loading.words import last_part

_FLAGS = {
    "skipped": "skipped isskipped wasskipped skip notskipped isnotskipped",
    "deleted": (
        "deleted isdeleted removed isremoved softdeleted voided isvoid isvoided fivetrandeleted"
        " wasdeleted markeddeleted"
    ),
    "by a machine": "isbot bot isrobot isspam spam",
    "of a test": (
        "istest istestuser istestorder istestaccount testorder isinternal isinternaluser isstaff"
        " isemployee"
    ),
}
_INVERSE = {"notskipped", "isnotskipped"}
"""Where no is what yes is elsewhere."""
_CHANGES = "op operation cdcop cdcoperation dmsop changetype rowkind"
_CHANGED = {
    *("i", "u", "d", "c", "r", "insert", "inserted", "update", "updated", "create", "created"),
    *("read", "updatepreimage", "updatepostimage", "+i", "+u", "-u"),
}
_UNDONE = {"d", "delete", "deleted", "-d"}
"""What copies of a database call the changes of its rows."""
_TAKEN_BACK_AT = (
    "cancelledat canceledat datecancelled datecanceled cancelleddate canceleddate refundedat"
    " deletedat datedeleted removedat dateremoved voidedat unlikedat revokedat"
)
"""Times of which there is none in rows that count."""
_RETURNED = (
    "qtyrefunded quantityrefunded refundedqty refundedquantity refundqty qtyreturned returnedqty"
    " returnqty returnquantity quantityreturned returnedquantity qtycanceled qtycancelled"
)
_AMOUNTS = (
    "amount totalamount total totalprice netamount salesvalue salesprice linetotal saleamount"
    " purchaseamount"
)
_USES = (
    "playcount plays numplays totalplays numberofplays listencount listens playtime"
    " playtimeforever msplayed secondsplayed minutesplayed hoursplayed watchtime watchduration"
    " watchseconds playduration count counts frequency"
)
"""How often or how long somebody used an item."""
_UNITS = re.compile("(ms|millis|s|sec|secs|seconds|min|mins|minutes|hours)$")
_COUNTS = (
    "clicks clickcount numclicks numberofclicks nclicks views viewcount numviews visits visitcount"
    " pageviews purchases numpurchases purchasecount clickcnt clkcnt viewcnt pvcnt visitcnt buycnt"
    " purchasecnt"
)
"""How often somebody did each of several things: a row of which all are 0 was only shown."""
_SHOWN = (
    "impressions impressioncount numimpressions impr displays showcnt impressioncnt exposurecnt"
    " exposurecount"
)
"""Stand beside such counts, and say that these are of the row."""
_CANCELLED_INVOICE, _INVOICE = r"[Cc]\d+", r"\d+"


@dataclass(frozen=True, slots=True)
class Uncounted:
    """A column by which some rows do not count."""

    column: str
    meaning: str
    read_as: str
    condition: str
    """SQL, true for a row that is left out."""


def find_uncounted(
    seen: Findings, kind: str | None, kinds: Mapping[str, str | None]
) -> list[Uncounted]:
    """The columns by which rows are left out, each with at least one such row.

    Whoever says what the rows are says that all of them count, but for what was given back.
    """
    table = seen.table
    columns = [each for each in table.columns if each not in seen.fields.values()]
    is_order = kind == ORDER_KIND or ORDER_KIND in kinds.values()
    found: list[Uncounted] = []
    if seen.options.kind is None:
        _refuse_changes(seen, columns)
        found += _flags(seen, columns)
        found += _taken_back(seen, columns)
        if kind == DEFAULT_KIND and seen.layout is None:
            uses = [*_unused(seen, columns), *_never_done(seen, columns)]
            _refuse_nothing_left(seen, uses)
            found += uses
    if is_order:
        found += _given_back(table, columns, may_be_none=kind is None)
        found += _cancelled_invoices(seen)
    if not found:
        return []
    counted = ", ".join(f"count(*) filter ({each.condition})" for each in found)
    counts = seen.duck.execute(f"select {counted} from {_rows(table)}").fetchall()[0]
    return [each for each, rows in zip(found, counts, strict=True) if rows]


def _rows(table: Table) -> str:
    return f"{table.view} where fault is null"


def _holds(seen: Findings, query: str) -> bool:
    return bool(seen.duck.execute(query).fetchall()[0][0])


def _named(columns: Sequence[str], names: str) -> Iterator[str]:
    return (each for each in columns if last_part(each) in names.split())


def _flags(seen: Findings, columns: Sequence[str]) -> Iterator[Uncounted]:
    for meaning, names in _FLAGS.items():
        for column in _named(columns, names):
            either = yes_and_no(words_of(seen.duck, seen.table, column, seen.fields["item_id"]))
            if either is None:
                continue
            words = either[1] if last_part(column) in _INVERSE else either[0]
            if words:
                is_flagged = f"{kind_text(seen.table, column)} in ({literals(words)})"
                condition = f"coalesce({is_flagged}, false)"
                yield Uncounted(column, meaning, f"{words[0]}: {meaning}, left out", condition)


def _refuse_changes(seen: Findings, columns: Sequence[str]) -> None:
    """InvalidInputError for changes of rows, of which some say that a row is no more."""
    for column in _named(columns, _CHANGES):
        words = words_of(seen.duck, seen.table, column, seen.fields["item_id"]) or {}
        changes = {word.lower().replace("_", "") for word in words}
        if changes & _UNDONE and changes <= _CHANGED | _UNDONE:
            raise InvalidInputError(
                f"{seen.table.source.name} holds the changes of rows, of which some are deleted"
                f" ({column}): write the rows as they are now. Say --kind view if all count."
            )


def _taken_back(seen: Findings, columns: Sequence[str]) -> Iterator[Uncounted]:
    """Of an order the first row alone may say that it was cancelled."""
    table, order = seen.table, seen.fields.get("event_id")
    for column in _named(columns, _TAKEN_BACK_AT):
        text = f"trim(coalesce({table.expressions[column]}, ''))"
        condition = (
            f"({is_given(text)} and not regexp_matches({text}, '^0[0:. -]*$|^1970-01-01|^false$'))"
        )
        if order is not None:
            of_order = f"trim({table.expressions[order]})"
            orders = f"select {of_order} from {_rows(table)} and {condition}"
            condition = f"({condition} or coalesce({of_order} in ({orders}), false))"
        yield Uncounted(column, f"taken back ({column})", "a time: taken back, left out", condition)


def _number(table: Table, column: str) -> str:
    # Of money and of thousands only the sign and the order matter: (1,200.00) is negative.
    bare = f"regexp_replace({table.expressions[column]}, '[^0-9.()-]', '', 'g')"
    return f"try_cast(regexp_replace({bare}, '^\\((.*)\\)$', '-\\1') as double)"


def _unused(seen: Findings, columns: Sequence[str]) -> Iterator[Uncounted]:
    for column in columns:
        name = last_part(column)
        if not {name, _UNITS.sub("", name)} & set(_USES.split()):
            continue
        seen.notes.append(f"{column} is not read, each row is one use")
        condition = f"coalesce({_number(seen.table, column)} <= 0, false)"
        yield Uncounted(column, f"amount of use ({column})", "0: not used, left out", condition)


def _never_done(seen: Findings, columns: Sequence[str]) -> Iterator[Uncounted]:
    counts = list(_named(columns, _COUNTS))
    # Beside a time, counts may be those of the item, of all users, or of the time before.
    if "time" in seen.fields and not any(_named(columns, _SHOWN)):
        return
    numbers = ", ".join(_number(seen.table, each) for each in counts)
    condition = f"(not coalesce(greatest({numbers}) > 0, true))"
    for column in counts:
        seen.notes.append(f"{column} is not read, each row is one use")
        meaning = f"how often ({column})"
        yield Uncounted(column, meaning, "0 of all that is counted: left out", condition)


def _refuse_nothing_left(seen: Findings, uses: Sequence[Uncounted]) -> None:
    """AmbiguousInputError if no row would count."""
    conditions = " or ".join(each.condition for each in uses)
    rows = f"select 1 from {_rows(seen.table)}"
    if not uses or _holds(seen, f"select exists ({rows} and not ({conditions}))"):
        return
    if _holds(seen, f"select exists ({rows})"):
        columns = " and ".join(dict.fromkeys(each.column for each in uses))
        raise AmbiguousInputError(
            f"All rows of {seen.table.source.name} would be left out, as {columns} says that"
            " nothing was used.",
            [Choice("each row is a use", "--kind view", {"kind": "view"})],
        )


def _given_back(table: Table, columns: Sequence[str], *, may_be_none: bool) -> Iterator[Uncounted]:
    """`may_be_none`: other rows than orders have a quantity of 0 too."""
    quantity = next(_named(columns, QUANTITIES), None)
    if quantity is not None:
        number = _number(table, quantity)
        below = f"{number} < 0" if may_be_none else f"{number} <= 0"
        how = f"{'' if may_be_none else '0 or '}negative: given back, left out"
        yield Uncounted(quantity, "quantity", how, f"coalesce({below}, false)")
    for column in _named(columns, _RETURNED):
        returned = _number(table, column)
        bought = "0" if quantity is None else f"coalesce({_number(table, quantity)}, 0)"
        condition = f"coalesce({returned} > 0 and {returned} >= {bought}, false)"
        yield Uncounted(column, "returned", "as many as were bought: left out", condition)
    for column in _named(columns, _AMOUNTS):
        amount = _number(table, column)
        # Amounts of which most are negative are not of money.
        share = f"(select avg(cast({amount} < 0 as integer)) from {_rows(table)})"
        condition = f"coalesce({amount} < 0 and {share} <= 0.5, false)"
        yield Uncounted(column, f"paid ({column})", "negative: given back, left out", condition)


def _cancelled_invoices(seen: Findings) -> Iterator[Uncounted]:
    """`C536379` among numbers is how invoices are cancelled."""
    column = seen.fields.get("event_id")
    if column is None or not last_part(column).startswith("invoice"):
        return
    text = f"trim({seen.table.expressions[column]})"
    condition = f"coalesce(regexp_full_match({text}, {literal(_CANCELLED_INVOICE)}), false)"
    query = (
        f"select count(*) = 0 from {_rows(seen.table)} and not {condition}"
        f" and not regexp_full_match({text}, {literal(_INVOICE)})"
    )
    if _holds(seen, query):
        yield Uncounted(column, "invoice", "C before the number: cancelled, left out", condition)
