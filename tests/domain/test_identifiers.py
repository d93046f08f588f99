"""Event ids map to UUIDs, once and for ever."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.identifiers import IdFault, event_uuid, id_fault


@given(st.uuids())
def test_a_uuid_stands_for_itself_however_it_is_spelt(given_id: uuid.UUID) -> None:
    spellings = (str(given_id), str(given_id).upper(), given_id.hex, f"{{{given_id}}}")
    assert {event_uuid(spelling) for spelling in spellings} == {given_id}


@pytest.mark.parametrize(
    "near",
    [
        "0x3456789abcdef0123456789abcdef012",
        "0_123456789abcdef0123456789abcdef0",
        "+0123456789abcdef0123456789abcdef",
        "-0123456789abcdef0123456789abcdef",
        "0123-456789abcdef0123456789abcdef",
        "0123456789abcdef0123456789abcdef-",
        "{0123456789abcdef0123456789abcdef",
        "0123urn:456789abcdef0123456789abcdef",
        "\u0660123456789abcdef0123456789abcdef",
        "\uff10123456789abcdef0123456789abcdef",
        "01234567-89ab-cdef-0123-456789abcdef\n",
    ],
)
def test_what_only_resembles_a_uuid_is_a_text_like_any_other(near: str) -> None:
    assert event_uuid(near).version == 5


def test_any_other_text_always_maps_to_the_same_uuid() -> None:
    assert event_uuid("order-17") == uuid.UUID("e81a40e8-52e1-5103-b77a-86fe2a95dc13")


@given(st.text(min_size=1, max_size=200), st.text(min_size=1, max_size=200))
def test_different_texts_are_different_events(first: str, other: str) -> None:
    if first != other:
        same_uuid = _as_uuid(first) is not None and _as_uuid(first) == _as_uuid(other)
        assert (event_uuid(first) == event_uuid(other)) == same_uuid


@pytest.mark.parametrize("fine", ["a", "sku 7", "né", "a/b", "...", "👩\u200d💻", "a\u00a0b", "-"])
def test_an_id_that_can_be_seen_and_addressed_is_one(fine: str) -> None:
    assert id_fault(fine) is None


@pytest.mark.parametrize(
    ("bad", "fault"),
    [
        *(
            (sign, IdFault.BLANK)
            for sign in (
                " ",
                "\u3000",
                "\u200b",
                "\ufeff \u00ad",
                "\u3164",
                "\u2800",
                "\u115f \u034f",
            )
        ),
        *(
            (f"a{sign}b", IdFault.CONTROL)
            for sign in "\0\r\n\t\x1b\x7f\x85\u2028\u2029\ud800\udfff"
        ),
        *((text, IdFault.PADDED) for text in (" a", "a ", "\u00a0a", "a\u3000")),
        (".", IdFault.DOTS),
        ("..", IdFault.DOTS),
    ],
)
def test_what_is_wrong_with_an_id_is_reported(bad: str, fault: IdFault) -> None:
    assert id_fault(bad) is fault


def _as_uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
