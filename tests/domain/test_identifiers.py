"""Event ids map to UUIDs, once and for ever."""

import uuid

from hypothesis import given
from hypothesis import strategies as st

from domain.identifiers import event_uuid


@given(st.uuids())
def test_a_uuid_stands_for_itself_however_it_is_spelt(given_id: uuid.UUID) -> None:
    spellings = (str(given_id), str(given_id).upper(), given_id.hex, f"{{{given_id}}}")
    assert {event_uuid(spelling) for spelling in spellings} == {given_id}


def test_any_other_text_always_maps_to_the_same_uuid() -> None:
    assert event_uuid("order-17") == uuid.UUID("e81a40e8-52e1-5103-b77a-86fe2a95dc13")


@given(st.text(min_size=1, max_size=200), st.text(min_size=1, max_size=200))
def test_different_texts_are_different_events(one: str, other: str) -> None:
    if one != other:
        same_uuid = _as_uuid(one) is not None and _as_uuid(one) == _as_uuid(other)
        assert (event_uuid(one) == event_uuid(other)) == same_uuid


def _as_uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
