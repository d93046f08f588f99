"""Arrays that are written as text are read by PostgreSQL as what they were."""

from collections.abc import Sequence

import pytest
from sqlalchemy import Engine, text

from sql.statements import as_array, as_real_array, as_text_array

_BACK = text("select cast(:given as text[]) as back")


@pytest.mark.parametrize(
    "texts",
    [
        [],
        ["", "null", "NULL", None],
        ['"', "\\", '\\"', "a\\\\b", "'"],
        ["a,b", "{}", "{a}", " a ", "a\nb\tc"],
        ["é", "日本", "😀", "a:b", "%s", "$1"],
        ['{"device": "phone", "said": "\\"hello\\""}', None],
    ],
)
def test_any_texts_come_back(engine: Engine, texts: Sequence[str | None]) -> None:
    with engine.connect() as connection:
        assert connection.execute(_BACK, {"given": as_text_array(texts)}).scalar_one() == texts


def test_numbers_and_truth_come_back(engine: Engine) -> None:
    with engine.connect() as connection:
        asked = text(
            "select cast(:numbers as integer[]) as numbers, cast(:flags as boolean[]) as flags,"
            " cast(:reals as real[]) as reals"
        )
        given = {
            "numbers": as_array([1, -2]),
            "flags": as_array([True, False]),
            "reals": as_real_array([0.5, -3e-20]),
        }
        row = connection.execute(asked, given).one()
    assert (row.numbers, row.flags) == ([1, -2], [True, False])
    assert row.reals == pytest.approx([0.5, -3e-20])
