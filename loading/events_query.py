"""The SQL by which DuckDB reads and checks each row of a table of events."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from domain.identifiers import EVENT_NAMESPACE, LONGEST_ID, ME, IdFault
from domain.interactions import EventKind
from loading.contexts import context_text
from loading.duck import literal, literals
from loading.kept_contexts import FAULT, NOT_READ
from loading.kinds_plan import kind_text
from loading.plans import EventsPlan, IdForm, cleaned_id, id_text, number_in, trimmed
from loading.reasons import CONTEXT_REASONS, ID_REASONS, Reason
from loading.tables import NOT_TEXT
from loading.times import EPOCH

CLOCK_TOLERANCE = timedelta(seconds=60)
_NO_TIME = (
    "given_time is null or year(given_time) not between 1 and 9999"
    " or lower(time_text) in ('infinity', '-infinity')"
)
_ZEROS = ("0001-01-01", "1753-01-01", "1899-12-30", "1900-01-01")
"""Where programs begin to count, beside 1970."""
_ZERO_TIME = " or ".join(
    ["given_time = to_timestamp(0)", *(f"given_time = timestamptz '{zero}'" for zero in _ZEROS)]
)
_NO_ITEM = ("-1", "00000000-0000-0000-0000-000000000000", "0" * 32)
"""What programs write where there is no item."""
_PLAIN_ID = r"[!-~]*[!--/-~][!-~]*"
_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_UUID_LIKE = r"(?i)(urn:uuid:)?\{?[0-9a-f-]{32,36}\}?"


def events_query(plan: EventsPlan, kinds: Sequence[EventKind], now: datetime) -> str:
    """The SQL of one row for each row of the table, judged: `reason` is null for a good one."""
    return f"""
with texts as (
    select row_no, fault, raw,
           {_id_text(plan, "user_id")} as user_text,
           {_id_text(plan, "item_id")} as item_text,
           {_kind_text(plan)} as kind_text,
           {_trimmed(plan, "value")} as value_text,
           {_trimmed(plan, "scale")} as scale_text,
           {_trimmed(plan, "time")} as time_text,
           {_trimmed(plan, "event_id")} as event_text,
           {_trimmed(plan, "recommendation_id")} as recommendation_text,
           {context_text(plan) if plan.kept_context else "null::varchar"} as context_text,
           ({plan.left_out}) as is_left_out
    from {plan.table.view}
),
ids as (
    select *,
           {cleaned_id("user_text", plan.id_forms["user_id"])} as user_id,
           {cleaned_id("item_text", plan.id_forms["item_id"])} as item_id
    from texts
),
typed as (
    select *,
           {_id_fault("user_id")} as user_id_fault,
           {_id_fault("item_id")} as item_id_fault,
           {_kind_no(plan, kinds)} as kind_no,
           try_cast({number_in("value_text")} as float) as number,
           {_bound(plan, 0)} as least,
           {_bound(plan, 1)} as greatest,
           {_time(plan)} as given_time,
           try_cast(recommendation_text as uuid) as recommendation,
           {_context(plan)} as context
    from ids
),
judged as (
    select *,
           {_value(plan, kinds)} as value,
           cast(given_time as timestamptz) as occurred_at
    from typed
),
verdicts as (
    select *, {_verdict(plan, kinds, now)} as reason
    from judged
)
select cast(row_no as integer) as row_no, reason,
       case when reason is not null then raw end as raw,
       case when reason is null then {_event_id(plan)} end as event_id,
       user_id, item_id, cast(kind_no as smallint) as kind_no, value,
       {_scale_of("least", kinds)} as least,
       {_scale_of("greatest", kinds)} as greatest,
       coalesce(occurred_at, {_timestamp(now)}) as occurred_at,
       occurred_at is not null as time_given,
       case when recommendation is not null
            then from_hex(replace(cast(recommendation as varchar), '-', ''))
       end as recommendation_id{_kept_context(plan)}
from verdicts
"""


def _trimmed(plan: EventsPlan, meaning: str) -> str:
    text = plan.text(meaning)
    return "null::varchar" if text is None else trimmed(text)


def _id_text(plan: EventsPlan, meaning: str) -> str:
    return id_text(plan.table.expressions[plan.fields[meaning]], plan.id_forms[meaning])


def _id_fault(name: str) -> str:
    """Most ids are plain and need no second look."""
    plain = f"regexp_full_match({name}, {literal(_PLAIN_ID)})"
    # Only users have an id that is taken (see `domain.identifiers.ME`).
    taken = f"when {name} = {literal(ME)} then {literal(IdFault.RESERVED.name)}"
    return (
        f"case {taken if name == 'user_id' else ''} when {plain} then ''"
        f" else id_fault_of({name}) end"
    )


def _kind_text(plan: EventsPlan) -> str:
    if "kind" not in plan.fields:
        return "null::varchar"
    return f"nullif({kind_text(plan.table, plan.fields['kind'])}, '')"


def _kind_no(plan: EventsPlan, kinds: Sequence[EventKind]) -> str:
    numbers = {kind.kind: int(kind.kind_no) for kind in kinds}
    if plan.kind is not None:
        return str(numbers[plan.kind])
    cases = " ".join(
        f"when {literal(word)} then {-1 if kind is None else numbers[kind]}"
        for word, kind in plan.kinds.items()
    )
    default = numbers.get("view", 0)
    return f"case when kind_text is null then {default} else case kind_text {cases} end end"


def _bound(plan: EventsPlan, at: int) -> str:
    given = f"try_cast(split_part(scale_text, ':', {at + 1}) as double)"
    if plan.scale is None:
        return given
    own = (plan.scale.least, plan.scale.greatest)[at]
    return f"coalesce({given}, {own}::double)"


def _value(plan: EventsPlan, kinds: Sequence[EventKind]) -> str:
    valued = [int(kind.kind_no) for kind in kinds if kind.greatest_value is not None]
    if not valued or "value" not in plan.fields:
        return "null::float"
    unrated = "" if plan.unrated is None else f" and number <> {plan.unrated}::float"
    return f"case when kind_no in ({', '.join(map(str, valued))}){unrated} then number end"


def _scale_of(bound: str, kinds: Sequence[EventKind]) -> str:
    ratings = [int(kind.kind_no) for kind in kinds if kind.rating_scale is not None]
    if not ratings:
        return "null::double"
    of_ratings = f"kind_no in ({', '.join(map(str, ratings))})"
    return f"case when value is not null and {of_ratings} then {bound} end"


def _time(plan: EventsPlan) -> str:
    return "null::timestamptz" if plan.time is None else plan.time.expression("time_text")


def _context(plan: EventsPlan) -> str:
    if not plan.kept_context:
        return "null::varchar"
    names, guessed = (literal(",".join(each)) for each in (plan.kept_context, plan.guessed_context))
    return f"kept_contexts(context_text, {names}, {guessed})"


def _kept_context(plan: EventsPlan) -> str:
    if not plan.kept_context:
        return ""
    unread = literal(NOT_READ)
    return (
        f", nullif(context, {unread}) as context,"
        f" coalesce(context = {unread}, false) as is_context_unread"
    )


def _timestamp(time: datetime) -> str:
    return f"timestamptz {literal(time.isoformat())}"


def _verdict(plan: EventsPlan, kinds: Sequence[EventKind], now: datetime) -> str:
    cases = [
        ("fault is not null", "fault"),
        ("kind_no = -1 or is_left_out", ""),
        *_id_cases("user_id", Reason.NO_USER_ID),
        *_guest_cases(plan),
        *_id_cases("item_id", Reason.NO_ITEM_ID),
        *_no_item_cases(plan),
        (f"length(event_text) > {LONGEST_ID}", Reason.ID_TOO_LONG),
        ("kind_no is null", Reason.UNKNOWN_KIND),
        *_value_cases(plan, kinds),
    ]
    if plan.time is not None:
        latest = _timestamp(now + CLOCK_TOLERANCE)
        cases += [
            ("time_text is null", Reason.NO_TIME),
            (_NO_TIME, Reason.UNREADABLE_TIME),
            (f"given_time > {latest}", Reason.FUTURE_TIME),
        ]
        if plan.id_forms["user_id"] is not IdForm.EXACT:
            cases.insert(-1, (_ZERO_TIME, Reason.ZERO_TIME))
            if plan.time.name == EPOCH:
                cases.insert(-1, ("given_time < to_timestamp(0)", Reason.NEGATIVE_TIME))
    if "recommendation_id" in plan.fields:
        cases.append(
            ("recommendation_text is not null and recommendation is null", Reason.ID_NOT_UUID)
        )
    if plan.kept_context:
        cases += [
            (f"context = {literal(FAULT + fault.name)}", reason)
            for fault, reason in CONTEXT_REASONS.items()
        ]
    whens = " ".join(
        f"when {condition} then {reason if reason == 'fault' else literal(reason)}"
        for condition, reason in cases
    )
    return f"case {whens} end"


def _id_cases(name: str, missing: Reason) -> Iterator[tuple[str, str]]:
    yield f"{name} is null", missing
    yield f"starts_with({name}, {literal(NOT_TEXT)})", Reason.ID_NOT_TEXT
    yield f"length({name}) > {LONGEST_ID}", Reason.ID_TOO_LONG
    for each in IdFault:
        yield f"{name}_fault = {literal(each.name)}", ID_REASONS[each]


def _no_item_cases(plan: EventsPlan) -> Iterator[tuple[str, str]]:
    if plan.id_forms["item_id"] is not IdForm.EXACT:
        yield f"item_id in ({literals(_NO_ITEM)})", Reason.NO_ITEM_ID


def _guest_cases(plan: EventsPlan) -> Iterator[tuple[str, str]]:
    if plan.guests:
        yield f"user_id in ({literals(plan.guests)})", Reason.NOBODY


def _value_cases(plan: EventsPlan, kinds: Sequence[EventKind]) -> Iterator[tuple[str, str]]:
    has_values = "value" in plan.fields
    unrated = "false" if plan.unrated is None else f"number = {plan.unrated}::float"
    for kind in kinds:
        if kind.smallest_value is None or kind.greatest_value is None:
            continue
        of_kind = f"kind_no = {int(kind.kind_no)}"
        if has_values:
            yield (
                (
                    f"{of_kind} and value_text is not null"
                    " and (number is null or not isfinite(number))"
                ),
                Reason.INVALID_VALUE,
            )
        yield f"{of_kind} and number is null", Reason.NO_VALUE
        least, greatest = f"{kind.smallest_value}::double", f"{kind.greatest_value}::double"
        if kind.rating_scale is not None:
            yield (
                f"{of_kind} and scale_text is not null and not coalesce(least < greatest, false)",
                Reason.INVALID_SCALE,
            )
            least, greatest = f"coalesce(least, {least})", f"coalesce(greatest, {greatest})"
        yield (
            (
                f"{of_kind} and not {unrated} and (number < cast({least} as float)"
                f" or number > cast({greatest} as float))"
            ),
            Reason.VALUE_OUT_OF_BOUNDS,
        )


def _event_id(plan: EventsPlan) -> str:
    """The id an event is stored under, 16 bytes.

    Given ids are mapped as `domain.identifiers.event_uuid` does: SHA-1 of the namespace and the
    text is what a UUID of version 5 is made of. An event without id is known by what it says, so
    that loading it again is seen as a repetition.
    """
    hashed = (
        "md5(concat_ws(' ', length(user_id), user_id, length(item_id), item_id, kind_no,"
        " coalesce(cast(value as varchar), '-'), coalesce(epoch_us(occurred_at), -1)))"
    )
    # The time comes first, in milliseconds: what happened together lies together in the index.
    milliseconds = "format('{:012x}', epoch_ms(occurred_at))"
    content = (
        f"from_hex(case when occurred_at >= to_timestamp(0) then {milliseconds} || {hashed}[:20]"
        f" else {hashed} end)"
    )
    if "event_id" not in plan.fields:
        return content
    text = "event_text || ' ' || item_id" if plan.order_ids else "event_text"
    hashed = f"sha1(from_hex('{EVENT_NAMESPACE.hex}') || encode({text}))"
    version_5 = (
        f"from_hex(substr({hashed}, 1, 12) || '5' || substr({hashed}, 14, 3) ||"
        f" substr('89ab', 1 + cast('0x' || substr({hashed}, 17, 1) as integer) % 4, 1) ||"
        f" substr({hashed}, 18, 15))"
    )
    return (
        f"case when event_text is null then {content}"
        f" when regexp_full_match(lower({text}), '{_UUID}') then from_hex(replace({text}, '-', ''))"
        f" when regexp_full_match({text}, {literal(_UUID_LIKE)})"
        f" then from_hex(event_uuid_of({text}))"
        f" else {version_5} end"
    )
