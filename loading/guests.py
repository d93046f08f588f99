"""Users that stand for nobody: guests, the customer 0, the last row of a report with its totals."""

import csv
from shlex import quote

from loading.duck import literals
from loading.fields import USER
from loading.findings import Findings
from loading.options import NO_COLUMN, AmbiguousInputError, Choice
from loading.plans import IdForm, cleaned_id, id_text

_WORDS = (
    *("guest", "guests", "guestuser", "guestcheckout", "anonymous", "anonymoususer", "anon"),
    *("unknown", "unknownuser", "notloggedin", "loggedout", "nobody", "walkin", "walkincustomer"),
    *("total", "totals", "grandtotal", "subtotal"),
)
"""Without the blanks and marks within them."""
_NUMBERS = ("-1", "-1.0", "00000000-0000-0000-0000-000000000000")
_ZEROS = ("0", "0.0")
"""Also the first user where somebody counted from 0."""
_FEW, _MANY = 10, 1_000
_TIMES_OF_ZERO, _TIMES_OF_OTHERS = 4, 20
"""So many times the events of whoever has most beside them are not of one person."""
_SHARE_OF_OTHERS = 0.1


def find_guests(seen: Findings, form: IdForm) -> tuple[str, ...]:
    """The ids of users that stand for nobody, as said or seen, as they would be stored.

    `form` is how the file writes users. Raises AmbiguousInputError for a user with far more events
    than any other.
    """
    option = seen.options.guests
    if option is not None:
        return () if option == NO_COLUMN else _guest_ids(seen, option, form)
    if seen.fields["user_id"] == USER:
        return ()
    text = seen.expression("user_id")
    rows = seen.duck.execute(
        # An id is read once for each way it is written. The text is aggregated: of a key DuckDB
        # would read all rows' ids to drop those that are null.
        f"with texts as (select any_value({text}) as text, count(*) as rows"
        f" from {seen.table.view} where fault is null group by {text}),"
        f" ids as (select {cleaned_id(id_text('text', form), form)} as user_id, rows from texts),"
        " users as (select user_id, sum(rows) as events,"
        f" regexp_replace(lower(user_id), '[ _-]', '', 'g') in ({literals(_WORDS)})"
        f" or user_id in ({literals(_NUMBERS)}) as is_nobody"
        " from ids where user_id is not null group by user_id)"
        " select user_id, is_nobody, events, sum(events) over (), count(*) over () from users"
        " qualify is_nobody or row_number() over (order by events desc, user_id) <= 3"
        " order by events desc, user_id"
    ).fetchall()
    guests = [str(user) for user, is_nobody, *_ in rows if is_nobody]
    people = [(str(user), int(events)) for user, is_nobody, events, *_ in rows if not is_nobody]
    if len(people) > 1 and people[0][1] >= _FEW:
        (user, events), (_, next_events) = people[:2]
        if user in _ZEROS and events >= _TIMES_OF_ZERO * next_events:
            guests.append(user)
        elif events >= max(_TIMES_OF_OTHERS * next_events, _MANY):
            *_, total, users = rows[0]
            if users >= _FEW and events >= _SHARE_OF_OTHERS * total:
                raise _ask(user, events, int(total))
    if guests:
        how = f"{', '.join(guests)}: nobody, rejected (--guests - to keep)"
        read_as = seen.read_as.get("user_id")
        seen.read_as["user_id"] = how if read_as is None else f"{read_as}; {how}"
    return tuple(guests)


def _guest_ids(seen: Findings, option: str, form: IdForm) -> tuple[str, ...]:
    """The ids of `--guests`; an id with a comma in it stands in double quotes, as in CSV."""
    ids = [each for row in csv.reader(option.splitlines(), skipinitialspace=True) for each in row]
    cleaned = cleaned_id(id_text("text", form), form)
    rows = seen.duck.execute(
        f"select distinct {cleaned} from (select unnest(?) as text)", [ids]
    ).fetchall()
    return tuple(str(user) for (user,) in rows if user is not None)


def _ask(user: str, events: int, total: int) -> AmbiguousInputError:
    quoted = _quoted(user)
    return AmbiguousInputError(
        f"The user {user} has {events:,} of {total:,} events, far more than any other: a person,"
        " or a guest, a robot or a till?",
        [
            Choice(
                "nobody: these events are rejected", f"--guests {quote(quoted)}", {"guests": quoted}
            ),
            Choice("a person", f"--guests {NO_COLUMN}", {"guests": NO_COLUMN}),
        ],
    )


def _quoted(user: str) -> str:
    """An id as `--guests` has it."""
    return '"' + user.replace('"', '""') + '"' if "," in user or '"' in user else user
