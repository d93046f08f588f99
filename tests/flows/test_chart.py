"""The chart is sound SVG whose bars are as high as their figures."""

import base64
import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.chart import Bar, _ticks, as_data_uri, grouped_bars

SVG = "{http://www.w3.org/2000/svg}"
SERIES = ("this run", "served run", "all-time popular")


def bar(figures: list[float]) -> Bar:
    low, mean, high = sorted(figures)
    return Bar(mean=mean, low=low, high=high)


BARS = st.lists(st.floats(0, 1), min_size=3, max_size=3).map(bar)
GROUPS = st.dictionaries(
    st.sampled_from(["all", "new", "light", "heavy"]),
    st.lists(BARS, min_size=3, max_size=3),
    min_size=1,
)


def drawn(svg: str) -> list[float]:
    """Heights of the bars, in the order they are drawn; the paper and the legend are left out."""
    boxes = ET.fromstring(svg).iter(f"{SVG}rect")
    return [float(box.attrib["height"]) for box in boxes if "x" in box.attrib][len(SERIES) :]


@given(groups=GROUPS)
def test_bars_are_as_high_as_their_means(groups: dict[str, list[Bar]]) -> None:
    heights = drawn(grouped_bars("title", SERIES, groups))
    bars = [bar for group in groups.values() for bar in group]
    top = _ticks(max(bar.high for bar in bars))[-1]
    assert heights == pytest.approx([220 * bar.mean / top for bar in bars], abs=0.06)


@given(groups=GROUPS)
def test_whiskers_reach_from_low_to_high_and_stay_on_the_paper(
    groups: dict[str, list[Bar]],
) -> None:
    svg = grouped_bars("title", SERIES, groups)
    bars = [bar for group in groups.values() for bar in group]
    top = _ticks(max(bar.high for bar in bars))[-1]
    whiskers = [tuple(map(float, ends)) for ends in re.findall(r"M[\d.]+ ([\d.]+)V([\d.]+)M", svg)]
    expected = [(290 - 220 * bar.low / top, 290 - 220 * bar.high / top) for bar in bars]
    assert [end for ends in whiskers for end in ends] == pytest.approx(
        [end for ends in expected for end in ends], abs=0.06
    )
    assert all(70 - 0.06 <= high <= low <= 290 for low, high in whiskers)


@given(highest=st.floats(0, 1e6))
def test_ticks_are_few_and_go_from_0_to_over_the_highest(highest: float) -> None:
    ticks = _ticks(highest)
    assert ticks[0] == 0.0
    assert ticks[-1] >= highest * (1 - 1e-9)
    assert 2 <= len(ticks) <= 7


def test_words_are_escaped_and_the_address_holds_the_picture() -> None:
    svg = grouped_bars("a < b & c", SERIES, {"<all>": [Bar(0.1, 0.0, 0.2)] * 3})
    words = [element.text for element in ET.fromstring(svg).iter(f"{SVG}text")]
    assert {"a < b & c", "<all>", *SERIES} <= set(words)
    kind, _, data = as_data_uri(svg).partition(",")
    assert kind == "data:image/svg+xml;base64"
    assert base64.b64decode(data).decode() == svg
