"""How it is understood what people did: by a column of words, of flags, or by other columns."""

import re
from collections.abc import Mapping, Sequence
from shlex import quote

import duckdb

from domain.errors import InvalidInputError
from domain.event_words import kind_of_word, normalized
from loading.duck import literal
from loading.foreign_words import is_foreign_order
from loading.options import NO_COLUMN, AmbiguousInputError, Choice
from loading.plans import is_given
from loading.tables import NOT_TEXT, Table
from loading.words import last_part

MOST_KINDS = 200

_VERDICTS = {"isrecommended", "recommended", "recommend", "votedup"}
"""Columns of yes and no that say whether somebody likes an item."""
_SHOWN_OR_NOT = "label target"
"""Columns of what is to be predicted: whoever made the table knows what that is."""
_FLAGS = {
    "click": "clk",
    "cart": "atc carted incart",
    "purchase": "converted booked booking",
    "dislike": "hate",
    "view": _SHOWN_OR_NOT,
}
"""Beside the usual words for what people did."""
_KIND_OF_FLAG = {name: kind for kind, names in _FLAGS.items() for name in names.split()}
_AROUND_FLAGS = re.compile("^(is|was|has|did)|(flag|bool|ind)$")
_NO_FLAGS = {
    *(
        "open",
        "opened",
        "order",
        "sale",
        "star",
        "up",
        "down",
        "stream",
        "streamed",
        "hidden",
        "hide",
    ),
    *("rating", "rate", "rated", "review", "visit", "recommended", "checkout", "detailview"),
}
"""Words for what people did that are the state of an item too, or that other rules read."""
ACTS = {"view", "click", "cart", "purchase"}
"""Kinds of what is done, whatever is thought of it."""
QUESTION_OF_NOTHING = "perhaps nothing happened, as with items that were only shown"
_YES = ("1", "1.0", "true", "t", "yes", "y", "ja", "oui", "si", "sí", "sim", "tak", "да")
_NO = ("0", "0.0", "false", "f", "no", "n", "nein", "non", "nee", "não", "nao", "nie", "нет")
QUANTITIES = (
    "quantity qty itemquantity lineitemquantity productquantity purchasequantity qtyordered"
    " orderqty orderquantity productqty menge bestellmenge stueckzahl stckzahl cantidad quantite"
    " quantit quantita quantidade ilosc"
)
"""Columns that say how many of an item were bought."""
_ORDER_IDS = (
    "orderid orderno ordernumber orderdate orderedat invoiceno invoice invoicedate basketid"
    " transactionid transactiondate transactiondt tdat purchasedate purchasedat"
    " transactiondatetime purchasedon idorder incrementid orderincrementid saledate soldat"
    " orderedon"
)
"""Ids and dates of orders."""
_ORDERS = (
    f"{QUANTITIES} {_ORDER_IDS} lineitemprice unitprice salesvalue salesprice uniquepurchases"
    " productrevenue itemrevenue"
)
"""Columns of what was bought."""
_TITLES = {"title", "name", "itemname", "productname", "producttitle"}
_GOODS = {"price", "description", "category", "categories", "genres", "brand", "stock", "sku"}
_FEW = 10
"""So many events may well be of as many items."""
_COMPUTED = {"prediction", "predictedrating", "predictedscore", "predicted", "predictedvalue"}


def kind_text(table: Table, column: str) -> str:
    """The SQL of a word for a kind; JSON's true and false are words too."""
    text = table.expressions[column]
    return f"trim({text})" if table.separator else f"trim(replace({text}, {literal(NOT_TEXT)}, ''))"


def words_of(
    duck: duckdb.DuckDBPyConnection, table: Table, column: str, item: str
) -> dict[str, bool] | None:
    """The words of a column, the most frequent first, and whether any row with it has an item.

    None: too many to be kinds.
    """
    rows = duck.execute(
        f"select {kind_text(table, column)} as word, count(*),"
        f" count(*) filter ({is_given(f'trim({table.expressions[item]})')})"
        f" from {table.view} where fault is null group by word order by 2 desc, 1"
        f" limit {MOST_KINDS + 1}"
    ).fetchall()
    words = {str(word): items > 0 for word, _, items in rows if word not in (None, "")}
    return words if len(words) <= MOST_KINDS else None


def yes_and_no(words: Mapping[str, bool] | None) -> tuple[list[str], list[str]] | None:
    """The words for yes and those for no; None if there are others."""
    if not words or any(word.lower() not in _YES + _NO for word in words):
        return None
    yes = [word for word in words if word.lower() in _YES]
    return yes, [word for word in words if word.lower() in _NO]


def counts_and_none(words: Mapping[str, bool] | None) -> tuple[list[str], list[str]] | None:
    """How often something was done, and 0 for never; None if there is no 0, or other words."""
    if not words or not all(re.fullmatch(r"\d{1,4}(\.0)?", word) for word in words):
        return None
    never = [word for word in words if float(word) == 0]
    return ([word for word in words if word not in never], never) if never else None


def has_blanks(duck: duckdb.DuckDBPyConnection, table: Table, column: str) -> bool:
    """Whether any row has nothing in a column."""
    (found,) = duck.execute(
        f"select exists (select 1 from {table.view} where fault is null"
        f" and coalesce({kind_text(table, column)}, '') = '')"
    ).fetchall()[0]
    return bool(found)


def verdict_of(table: Table) -> str | None:
    """A column that says whether somebody likes an item, by its name."""
    return next((each for each in table.columns if last_part(each) in _VERDICTS), None)


def flags_of(table: Table, names: tuple[str, ...]) -> dict[str, str]:
    """Columns that may say whether anything was done at all, and the kind of each."""
    kinds = {column: _kind_of_flag(column, names) for column in table.columns}
    return {column: kind for column, kind in kinds.items() if kind is not None}


def is_done(column: str, kind: str) -> bool:
    """Whether no in a column of yes and no says that nothing was done, and not what was thought."""
    word = _AROUND_FLAGS.sub("", last_part(column))
    return kind in ACTS and word not in _SHOWN_OR_NOT.split()


def _kind_of_flag(column: str, names: tuple[str, ...]) -> str | None:
    word = _AROUND_FLAGS.sub("", last_part(column))
    if word in _KIND_OF_FLAG:
        return _KIND_OF_FLAG[word]
    # `clicks` counts.
    if word in _NO_FLAGS or word.endswith("s"):
        return None
    try:
        return kind_of_word(word, names)
    except KeyError:
        return None


def ask_about_flag(
    column: str, kind: str, either: tuple[Sequence[str], Sequence[str]], others: Sequence[str]
) -> AmbiguousInputError:
    """Rows in which nothing happened are no events; they may be something else too.

    `either` are the words for yes and those for no, `others` the other columns of that sort.
    """
    yes, no = either

    def choice(label: str, without: str | None) -> Choice:
        kinds = {**dict.fromkeys(yes, kind), **dict.fromkeys(no, without)}
        mappings = [quote(f"{word}={each or NO_COLUMN}") for word, each in kinds.items()]
        changes = {"columns": {"kind": column}, "kinds": kinds}
        options = [
            f"--column {quote(f'kind={column}')}",
            *(f"--map-kind {each}" for each in mappings),
        ]
        return Choice(label, " ".join(options), changes)

    choices = [choice(f"only rows of {yes[0] if yes else 1}, each a {kind}", None)]
    if kind == "like":
        choices.append(choice(f"{no[0]} is a dislike", "dislike"))
    choices.append(Choice("each row is a use", "--kind view", {"kind": "view"}))
    more = (
        f" One such column is read at a time: load the file once more for {' and '.join(others)}."
        if others
        else ""
    )
    return AmbiguousInputError(
        f"Where {column} is {no[0]}, {QUESTION_OF_NOTHING}.{more}",
        choices,
    )


def column_of_orders(table: Table) -> str | None:
    """A column that only what was bought has."""
    return next(
        (
            each
            for each in table.columns
            if last_part(each) in _ORDERS.split() or is_foreign_order(each)
        ),
        None,
    )


def has_orders(table: Table) -> bool:
    """Whether a column has ids or dates of orders, and not just amounts, as of carts."""
    return any(
        last_part(each) in _ORDER_IDS.split() or is_foreign_order(each) for each in table.columns
    )


def refuse_computed(table: Table, fields: Mapping[str, str]) -> None:
    """InvalidInputError for a list that a program made, such as recommendations."""
    value = fields.get("value")
    names = {normalized(each): each for each in table.columns}
    found = [column for name, column in names.items() if name in _COMPUTED]
    if value is not None and normalized(value) in {"score", "value"} and "rank" in names:
        found = [names["rank"], value]
    if value is None and "rank" in names and not {"time", "event_id"} & set(fields):
        found = [names["rank"]]
    if found:
        raise InvalidInputError(
            f"{table.source.name} seems to hold what a program computed ({', '.join(found)}), not"
            " what people did. If people did it, say --kind rate or --kind view."
        )


def ask_about_goods(duck: duckdb.DuckDBPyConnection, table: Table, item: str) -> None:
    """AmbiguousInputError for a catalogue that names who owns or added each item."""
    names = {normalized(each) for each in table.columns}
    if not names & _TITLES or not names & _GOODS:
        return
    (once,) = duck.execute(
        f"select count(*) = count(distinct {table.expressions[item]})"
        f" and count(*) >= {_FEW} from {table.view}"
        " where fault is null"
    ).fetchall()[0]
    if once:
        raise AmbiguousInputError(
            f"Each item stands in {table.source.name} once, with a title: are these what people"
            " did, or items?",
            [
                Choice("what people did", "--kind view", {"kind": "view"}),
                Choice(
                    "items", f"--column user_id={NO_COLUMN}", {"columns": {"user_id": NO_COLUMN}}
                ),
            ],
        )


def unknown_kinds(column: str, unknown: Sequence[str], names: Sequence[str]) -> str:
    """What to say where words are no kinds."""
    shown = unknown[:5]
    first = shown[0]
    more = f" and {len(unknown) - len(shown)} more" if len(unknown) > len(shown) else ""
    return (
        f"The column {column} has the kinds {', '.join(shown)}{more}, which nobody"
        f" knows. Say --map-kind {quote(f'{first}=KIND')} ({', '.join(names)}),"
        f" --map-kind {quote(f'{first}=-')} to"
        " leave such events out, or make it a kind with"
        f" `tandem kind set {_as_kind(first)} --weight 1`. If it says no kinds, say"
        f" --column kind={NO_COLUMN}."
    )


def kind_label(word: str, kind: str | None) -> str:
    """How a word is read, for a person."""
    if kind is None:
        return f"{word}: left out"
    return word if word == kind else f"{word} as {kind}"


def _as_kind(word: str) -> str:
    return "".join(each if each.isalnum() else "_" for each in word.strip().lower()) or "new"
