"""Orders that came to nothing: cancelled, refunded or returned, as a column of their state says."""

import re
from dataclasses import dataclass
from shlex import quote

import duckdb

from domain.errors import InvalidInputError
from loading.duck import literals
from loading.findings import DEFAULT_KIND, ORDER_KIND
from loading.foreign_words import is_foreign_state
from loading.kinds_plan import has_blanks, kind_text, words_of, yes_and_no
from loading.options import NO_COLUMN, AmbiguousInputError, Choice
from loading.tables import Table
from loading.words import last_part

_STATES = {
    *("status", "state", "orderstatus", "orderstate", "paymentstatus", "financialstatus"),
    *("fulfillmentstatus", "fulfilmentstatus", "transactionstatus", "deliverystatus"),
    *("shippingstatus", "shipmentstatus", "returnstatus", "itemstatus", "lineitemstatus"),
    *("orderstatusid", "orderstateid", "statusid", "statuscode", "orderstatuscode", "idorderstate"),
    *("currentstate", "bestellstatus", "auftragsstatus", "statut", "statutcommande", "estado"),
    *("estadopedido", "stato", "statoordine", "statuspedido", "statuszamowienia"),
}
_FLAGS = {
    *("returned", "isreturned", "refunded", "isrefunded"),
    *("cancelled", "iscancelled", "canceled", "iscanceled"),
}
_PAID = {"paid", "ispaid", "bezahlt", "paye", "pagado", "pagato", "pago"}
"""Flags of which no says that an order came to nothing."""
_CODE = re.compile(r"\d{1,3}(\.0)?")
_PLACES = {"state", "estado", "stato"}
"""Columns that may also say where somebody lives."""
_MOST_SHOWN = 4
_NOTHING = re.compile(
    r"\b(cancel(l?ed|lation)?|refund(ed)?|return(ed|ing)?|rejected|declined|denied|failed"
    r"|void(ed)?|charged?back|abandoned|annull?ed"
    # In German, French, Spanish, Italian, Portuguese, Dutch and Polish.
    r"|storniert|retour(niert|n[ée]e?)|(r[üu]ck)?erstattet|zur[üu]ckgegeben|abgebrochen"
    r"|annul[ée]e?s?|rembours[ée]e?s?|(cancel|anul|reembols)ad[oa]|devuelt[oa]|devolvid[oa]"
    r"|annullat[oa]|rimborsat[oa]|geannuleerd|terugbetaald|geretourneerd|anulowane|zwr[óo]cone)(?!\w)"
    # In Russian, Chinese, Japanese and Korean, of which some write no blanks.
    "|отмен[её]н|возвра[тщ]|取消|退款|退货|退貨|キャンセル|返品|返金|취소|환불|반품"
)
_UNPAID = re.compile(
    r"\b(unpaid|not (yet )?paid|(?<!not )(?<!non )expired|drafts?"
    r"|(pending|awaiting) payment|payment (pending|due)"
    r"|nicht bezahlt|unbezahlt|impay[ée]e?|trash|incomplete)(?!\w)|未付款"
)
_CREDITED = {"complete", "closed"}
"""Where orders are of both states, as in Magento, those that are closed were refunded."""
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
        condition = f"coalesce({text} in ({literals(self.words)}), false)"
        if self.order is None:
            return condition
        orders = f"select {self.order} from {table.view} where fault is null and {condition}"
        is_of_such = f"coalesce({text}, '') = '' and coalesce({self.order} in ({orders}), false)"
        return f"({condition} or {is_of_such})"


def find_order_status(
    duck: duckdb.DuckDBPyConnection,
    table: Table,
    item: str,
    order_id: str | None,
    kind: str | None,
) -> OrderStatus | None:
    """The column that tells orders that came to nothing; None: there is no such column or order.

    `kind` is that of all rows; None: a column says it, and not all rows may be orders.

    InvalidInputError if it says nothing of some rows, and no column tells whose orders these are.
    AmbiguousInputError if it says it by numbers, and no column has words.
    """
    coded: tuple[str, list[str]] | None = None
    has_words = False
    for column in table.columns:
        name = last_part(column)
        is_state = name in _STATES or is_foreign_state(column)
        if not is_of_states(column):
            continue
        words = list(words_of(duck, table, column, item) or ())
        if is_state:
            if _are_codes(words):
                may_be = name not in _PLACES and (kind == ORDER_KIND or name == "status")
                coded = (column, words) if may_be and coded is None else coded
                continue
            has_words = has_words or bool(words)
        gone = _words_for_nothing(words, name, kind)
        if gone:
            others = tuple(word for word in words if word not in gone)
            status = OrderStatus(column, tuple(gone), others)
            if not is_state or not has_blanks(duck, table, column):
                return status
            if order_id is None:
                raise InvalidInputError(_whose(status))
            return OrderStatus(column, tuple(gone), others, f"trim({table.expressions[order_id]})")
    if coded is not None and kind is not None and not has_words:
        raise _ask_about_codes(*coded, kind)
    return None


def _are_codes(words: list[str]) -> bool:
    return len(words) > 1 and all(map(_CODE.fullmatch, words))


def _ask_about_codes(column: str, codes: list[str], kind: str) -> AmbiguousInputError:
    """Numbers may stand for anything: each shop has its own for what was cancelled."""
    codes = sorted(codes, key=float)

    def without(code: str) -> Choice:
        kinds = {each: None if each == code else kind for each in codes}
        mappings = " ".join(f"--map-kind {each}={kinds[each] or NO_COLUMN}" for each in codes)
        option = f"--column {quote(f'kind={column}')} {mappings}"
        changes = {"columns": {"kind": column}, "kinds": kinds}
        return Choice(f"rows of {code} do not count", option, changes)

    shown = ", ".join(codes[:_MOST_SHOWN]) + (" and so on" if len(codes) > _MOST_SHOWN else "")
    choices = [Choice("all rows count", f"--kind {kind}", {"kind": kind})]
    return AmbiguousInputError(
        f"The column {column} has the numbers {shown}: some may say that a row came to nothing, as"
        " what was cancelled or removed did.",
        [*choices, *map(without, codes[:_MOST_SHOWN])],
    )


def is_of_states(column: str) -> bool:
    """Whether a column has states of orders by its name."""
    return last_part(column) in _STATES | _FLAGS | _PAID or is_foreign_state(column)


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


def _words_for_nothing(words: list[str], name: str, kind: str | None) -> list[str]:
    if name in _FLAGS | _PAID:
        either = yes_and_no(dict.fromkeys(words, True))
        if either is None or (name in _PAID and kind != ORDER_KIND):
            return []
        return either[1] if name in _PAID else either[0]
    spoken = {word: re.sub(r"[_-]+", " ", word.lower()) for word in words}
    is_credited = kind == ORDER_KIND and {*spoken.values()} >= _CREDITED
    return [
        word
        for word, text in spoken.items()
        if (text == "closed" and is_credited)
        or (kind != DEFAULT_KIND and _UNPAID.search(text))
        or (_NOTHING.search(text) and not _YET.search(text))
    ]


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
