"""Users that stand for nobody: guests, the customer 0, the last row of a report with its totals."""

from collections.abc import Sequence

from loading.duck import literal
from loading.fields import USER
from loading.findings import Findings
from loading.options import NO_COLUMN, AmbiguousInputError, Choice
from loading.plans import is_given

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


def find_guests(seen: Findings) -> tuple[str, ...]:
    """The ids of users that stand for nobody, as said or seen.

    Raises AmbiguousInputError for a user with far more events than any other.
    """
    said = seen.options.guests
    if said is not None:
        return () if said == NO_COLUMN else tuple(map(str.strip, said.split(",")))
    if seen.fields["user_id"] == USER:
        return ()
    text = f"trim({seen.expression('user_id')})"
    rows = seen.duck.execute(
        f"with users as (select {text} as user_id, count(*) as events from {seen.table.view}"
        f" where fault is null and {is_given(text)} group by 1)"
        " select user_id, events, sum(events) over (), count(*) over () from users"
        " qualify row_number() over (order by events desc, user_id) <= 3"
        f" or regexp_replace(lower(user_id), '[ _-]', '', 'g') in ({_listed(_WORDS)})"
        f" or user_id in ({_listed(_NUMBERS)}) order by events desc, user_id"
    ).fetchall()
    active = [(str(user), int(events)) for user, events, _, _ in rows]
    people = [each for each in active if not _is_nobody(each[0])]
    guests = [user for user, _ in active if _is_nobody(user)]
    if len(people) > 1 and people[0][1] >= _FEW:
        (user, events), (_, next_events) = people[:2]
        if user in _ZEROS and events >= _TIMES_OF_ZERO * next_events:
            guests.append(user)
        elif events >= max(_TIMES_OF_OTHERS * next_events, _MANY):
            _, _, total, users = rows[0]
            if users >= _FEW and events >= _SHARE_OF_OTHERS * total:
                raise _ask(user, events, int(total))
    if guests:
        seen.read_as["user_id"] = f"{', '.join(guests)}: nobody, rejected (--guests - to keep)"
    return tuple(guests)


def _is_nobody(user: str) -> bool:
    plain = user.lower().replace(" ", "").replace("_", "").replace("-", "")
    return plain in _WORDS or user in _NUMBERS


def _listed(words: Sequence[str]) -> str:
    return ", ".join(map(literal, words))


def _ask(user: str, events: int, total: int) -> AmbiguousInputError:
    return AmbiguousInputError(
        f"The user {user} has {events:,} of {total:,} events, far more than any other: a person,"
        " or a guest, a robot or a till?",
        [
            Choice("nobody: these events are rejected", f"--guests '{user}'", {"guests": user}),
            Choice("a person", f"--guests {NO_COLUMN}", {"guests": NO_COLUMN}),
        ],
    )
