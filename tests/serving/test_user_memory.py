"""What a process caches of users, in bounded memory."""

from hypothesis import given
from hypothesis import strategies as st

from domain.identifiers import ItemNo, UserId, UserNo
from serving.exclusions.exclusions import MOST_ITEMS, Exclusions, UserExclusions
from serving.exclusions.user_memory import UserMemory

ANN, BOB = UserId("ann"), UserId("bob")
item_nos = st.frozensets(st.integers(1, 2**31 - 1).map(ItemNo), max_size=20)
users = st.builds(
    UserExclusions, st.none() | st.integers(1, 9).map(UserNo), st.builds(Exclusions, item_nos)
)


def seen(*nos: int) -> UserExclusions:
    return UserExclusions(exclusions=Exclusions(frozenset(map(ItemNo, nos))))


def memory(most_users: int = 100, most_items: int = 1000) -> UserMemory:
    return UserMemory(most_users=most_users, most_items=most_items)


def items_of(kept: UserMemory, user_id: UserId) -> frozenset[ItemNo]:
    found = kept.find(user_id)
    return found.exclusions.of(exclude_seen=True) if found else frozenset()


@given(st.none() | st.integers(1, 2**31 - 1).map(UserNo), item_nos, item_nos)
def test_what_is_packed_is_unpacked_the_same(
    user_no: UserNo | None, seen: frozenset[ItemNo], others: frozenset[ItemNo]
) -> None:
    known = UserExclusions(user_no, Exclusions(seen - others, others))
    assert UserExclusions.unpack(known.pack()) == known


def test_of_too_many_items_disliked_ones_are_kept() -> None:
    many = frozenset(map(ItemNo, range(10, 10 + MOST_ITEMS)))
    known = UserExclusions(None, Exclusions(many, frozenset({ItemNo(1)})))
    kept = UserExclusions.unpack(known.pack()).exclusions
    assert kept.disliked == {1}
    assert len(kept.seen) == MOST_ITEMS - 1


def test_a_disliked_item_is_left_out_where_seen_ones_may_be_shown() -> None:
    exclusions = Exclusions(frozenset({ItemNo(1)}), frozenset({ItemNo(2)}))
    assert exclusions.of(exclude_seen=True) == {1, 2}
    assert exclusions.of(exclude_seen=False) == {2}


def test_a_state_replaces_what_is_known() -> None:
    kept = memory()
    kept.add(ANN, seen(1))
    kept.replace(ANN, seen(2), since=kept.now)
    assert items_of(kept, ANN) == {2}


def test_a_state_read_before_an_event_does_not_take_it_back() -> None:
    kept = memory()
    since = kept.now
    kept.add(ANN, seen(1))
    kept.replace(ANN, seen(2), since=since)
    assert items_of(kept, ANN) == {1, 2}


def test_a_state_read_before_a_deletion_is_not_kept_after_it() -> None:
    kept = memory()
    since = kept.now
    kept.add(ANN, seen(1))
    kept.drop(ANN)
    kept.replace(ANN, seen(1), since=since)
    assert kept.find(ANN) is None
    kept.replace(ANN, seen(2), since=kept.now)
    assert items_of(kept, ANN) == {2}


def test_a_state_read_before_an_event_that_was_crowded_out_is_not_kept() -> None:
    kept = memory(most_users=1)
    since = kept.now
    kept.add(ANN, seen(1))
    kept.add(BOB, seen(1))
    kept.replace(ANN, seen(2), since=since)
    assert items_of(kept, ANN) == frozenset()


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), users), max_size=60))
def test_memory_is_bounded_by_users_and_by_items(added: list[tuple[str, UserExclusions]]) -> None:
    kept = memory(most_users=4, most_items=40)
    for name, known in added:
        kept.add(UserId(name), known)
    found = [kept.find(user_id) for user_id in kept.user_ids()]
    assert len(found) <= 4
    assert sum(len(user.pack()) for user in found if user) <= 40 * 4


few = st.frozensets(st.integers(1, 60).map(ItemNo), max_size=4)
changes = st.lists(
    st.builds(
        UserExclusions,
        st.none() | st.just(UserNo(7)),
        st.builds(Exclusions, few, st.frozensets(st.integers(1, 60).map(ItemNo), max_size=1)),
        st.booleans(),
    ),
    min_size=1,
    max_size=300,
)


@given(changes)
def test_what_is_added_again_and_again_is_all_known_once(added: list[UserExclusions]) -> None:
    kept, together = memory(most_items=10_000), UserExclusions()
    for known in added:
        kept.add(ANN, known)
        together = UserExclusions.unpack((together | known).pack())
    found = kept.find(ANN)
    assert found is not None
    assert found.user_no == together.user_no
    assert found.exclusions.of(exclude_seen=True) == together.exclusions.of(exclude_seen=True)
    assert found.exclusions.disliked == together.exclusions.disliked
    assert found.complete == together.complete


def test_the_users_met_longest_ago_make_room() -> None:
    kept = memory(most_users=2)
    for user_id in (ANN, BOB):
        kept.add(user_id, seen(1))
    kept.find(ANN)
    kept.add(UserId("carol"), seen(1))
    assert kept.user_ids() == ["ann", "carol"]
