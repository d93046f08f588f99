"""Ids that nobody can guess, made by the page."""

import os
import uuid

from serving.runtime.random_ids import random_bytes, random_uuid

MORE_THAN_A_PAGE = 1_000
DRAWN_BITS = 122


def test_ids_are_uuids_of_version_4_and_all_different() -> None:
    ids = [random_uuid() for _ in range(MORE_THAN_A_PAGE)]
    assert len({*ids}) == MORE_THAN_A_PAGE
    assert {(id_.version, id_.variant) for id_ in ids} == {(4, uuid.RFC_4122)}
    # Every bit but those six is drawn: among so many, each is 0 in some and 1 in others.
    ones, zeros = 0, 0
    for id_ in ids:
        ones, zeros = ones | id_.int, zeros | ~id_.int
    assert (ones & zeros).bit_count() == DRAWN_BITS


def test_a_forked_process_gives_none_of_the_bytes_of_its_parent() -> None:
    random_bytes()
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, b"".join(random_bytes() for _ in range(3)))
        os._exit(0)
    os.waitpid(child, 0)
    of_child = os.read(reading, 48)
    of_parent = [random_bytes() for _ in range(MORE_THAN_A_PAGE)]
    assert len(of_child) == 48
    assert {of_child[at : at + 16] for at in (0, 16, 32)}.isdisjoint(of_parent)
