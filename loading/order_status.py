"""Orders that came to nothing: cancelled, refunded or returned, as a column of their state says."""

import re
from dataclasses import dataclass
from shlex import quote

import duckdb

from domain.errors import InvalidInputError
from loading.duck import literals
from loading.kinds_plan import kind_text, words_of, yes_and_no
from loading.options import AmbiguousInputError, Choice
from loading.tables import Table
from loading.words import last_part

_STATES = {
    *("status", "state", "orderstatus", "orderstate", "paymentstatus", "financialstatus"),
    *("fulfillmentstatus", "fulfilmentstatus", "transactionstatus", "deliverystatus"),
    *("shippingstatus", "shipmentstatus", "returnstatus", "itemstatus", "lineitemstatus"),
}
_FLAGS = {
    *("returned", "isreturned", "refunded", "isrefunded"),
    *("cancelled", "iscancelled", "canceled", "iscanceled"),
}
_NOTHING = re.compile(
    r"\b(cancel(l?ed|lation)?|refund(ed)?|return(ed|ing)?|rejected|declined|denied|failed"
    r"|void(ed)?|charged?back|abandoned|annull?ed"
    # In German, French, Spanish, Italian, Portuguese, Dutch and Polish.
    r"|storniert|retour(niert|n[ée]e?)|(r[üu]ck)?erstattet|zur[üu]ckgegeben|abgebrochen"
    r"|annul[ée]e?s?|rembours[ée]e?s?|(cancel|anul|reembols)ad[oa]|devuelt[oa]|devolvid[oa]"
    r"|annullat[oa]|rimborsat[oa]|geannuleerd|terugbetaald|geretourneerd|anulowane|zwr[óo]cone)(?!\w)"
)
_UNPAID = re.compile(
    r"\b(unpaid|not (yet )?paid|(?<!not )(?<!non )expired|drafts?"
    r"|(pending|awaiting) payment|payment (pending|due)"
    r"|nicht bezahlt|unbezahlt|impay[ée]e?)(?!\w)"
)
"""Of orders only: a job may be expired too, and an article a draft."""
_YET = re.compile(
    r"\b(part(ial(ly)?|ly)?|teilweise|partiel(lement)?|parcial(mente)?|not?|non|un|nicht|pas)\b"
)
"""What was given back in part was bought, and so was what was not given back."""


@dataclass(frozen=True, slots=True)
class OrderStatus:
    """A column by which some orders came to nothing."""

    column: str
    words: tuple[str, ...]
    """Its words for that."""
    others: tuple[str, ...]
    order: str | None = None
    """The SQL of an order's id: a row that says nothing is as another row of its order."""

    def is_nothing(self, table: Table) -> str:
        """The SQL of whether an order of the table came to nothing."""
        text = kind_text(table, self.column)
        said = f"coalesce({text} in ({literals(self.words)}), false)"
        if self.order is None:
            return said
        orders = f"select {self.order} from {table.view} where fault is null and {said}"
        is_of_such = f"coalesce({text}, '') = '' and coalesce({self.order} in ({orders}), false)"
        return f"({said} or {is_of_such})"


def find_order_status(
    duck: duckdb.DuckDBPyConnection,
    table: Table,
    item: str,
    order_id: str | None,
    *,
    is_order: bool,
) -> OrderStatus | None:
    """The column that tells orders that came to nothing; None: there is no such column or order.

    InvalidInputError if it says nothing of some rows, and no column tells whose orders these are.
    """
    for column in table.columns:
        name = last_part(column)
        if name not in _STATES | _FLAGS:
            continue
        words = list(words_of(duck, table, column, item) or ())
        gone = _words_for_nothing(words, is_flag=name in _FLAGS, is_order=is_order)
        if gone:
            others = tuple(word for word in words if word not in gone)
            status = OrderStatus(column, tuple(gone), others)
            if name in _FLAGS or not _has_blanks(duck, table, column):
                return status
            if order_id is None:
                raise InvalidInputError(_whose(status))
            return OrderStatus(column, tuple(gone), others, f"trim({table.expressions[order_id]})")
    return None


def ask_about_status(status: OrderStatus, kind: str) -> AmbiguousInputError:
    """Of rows that are no orders by anything else nobody knows what their state says."""
    kinds = {**dict.fromkeys(status.words), **dict.fromkeys(status.others, kind)}
    return AmbiguousInputError(
        f"Some rows are {_listed(status.words)} by the column {status.column}: do they count?",
        [
            Choice(
                "they do not",
                f"--column {quote(f'kind={status.column}')} {_mapped(status, kind)}",
                {"columns": {"kind": status.column}, "kinds": kinds},
            ),
            Choice("each row is a use", f"--kind {kind}", {"kind": kind}),
        ],
    )


def _words_for_nothing(words: list[str], *, is_flag: bool, is_order: bool) -> list[str]:
    if is_flag:
        either = yes_and_no(dict.fromkeys(words, True))
        return either[0] if either is not None else []
    spoken = {word: re.sub(r"[_-]+", " ", word.lower()) for word in words}
    return [
        word
        for word, text in spoken.items()
        if (is_order and _UNPAID.search(text)) or (_NOTHING.search(text) and not _YET.search(text))
    ]


def _has_blanks(duck: duckdb.DuckDBPyConnection, table: Table, column: str) -> bool:
    (found,) = duck.execute(
        f"select exists (select 1 from {table.view} where fault is null"
        f" and coalesce({kind_text(table, column)}, '') = '')"
    ).fetchall()[0]
    return bool(found)


def _whose(status: OrderStatus) -> str:
    return (
        f"Some orders are {_listed(status.words)} by the column {status.column}, which is empty in"
        " other rows: perhaps these belong to the same orders. Say --column event_id=NAME for the"
        f" column of the orders' ids, or --column {quote(f'kind={status.column}')}"
        f" {_mapped(status, 'purchase')}; then empty rows are views."
    )


def _mapped(status: OrderStatus, kind: str) -> str:
    kinds = {**dict.fromkeys(status.words, "-"), **dict.fromkeys(status.others, kind)}
    return " ".join(f"--map-kind {quote(f'{word}={each}')}" for word, each in kinds.items())


def _listed(words: tuple[str, ...]) -> str:
    return " or ".join(words[:3])
