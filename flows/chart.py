"""A chart of grouped bars with whiskers, as SVG. Pure."""

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT = 760, 340
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 740, 70, 290
_COLOURS = ("#2563eb", "#94a3b8", "#f59e0b")
_INK, _GRID = "#1e293b", "#e2e8f0"
_MOST_TICKS = 6
_FLAT = 1e-6
"""Below this all bars are drawn as 0."""
_SHARE_OF_BARS = 0.78
"""How much of the room of a group its bars take."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A mean of at least 0 and the bounds of its whisker."""

    mean: float
    low: float
    high: float


def grouped_bars(title: str, series: Sequence[str], groups: Mapping[str, Sequence[Bar]]) -> str:
    """An SVG with one bar a series in every group; at most three series, at least one group."""
    highest = max(max(bar.high, bar.mean) for bars in groups.values() for bar in bars)
    ticks = _ticks(highest)
    room = (_RIGHT - _LEFT) / len(groups)
    parts = [_text(_LEFT, 26, title, "start", size=16), _legend(series), _axis(ticks)]
    for index, (label, bars) in enumerate(groups.items()):
        left = _LEFT + room * index
        parts.append(_text(left + room / 2, _BOTTOM + 24, label, "middle"))
        parts += _group(bars, left, room, ticks[-1])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}"'
        f' viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="system-ui, sans-serif">'
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" rx="8" fill="#ffffff"/>{"".join(parts)}</svg>'
    )


def as_data_uri(svg: str) -> str:
    """The picture as an address that holds it."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


def _group(bars: Sequence[Bar], left: float, room: float, top: float) -> list[str]:
    width = room * _SHARE_OF_BARS / len(bars)
    first = left + room * (1.0 - _SHARE_OF_BARS) / 2
    spaced = zip(bars, _COLOURS, strict=False)
    return [
        _bar(bar, first + width * index, width, colour, top)
        for index, (bar, colour) in enumerate(spaced)
    ]


def _bar(bar: Bar, left: float, width: float, colour: str, top: float) -> str:
    y, low, high = (_y(value, top) for value in (bar.mean, bar.low, bar.high))
    middle, cap = left + width / 2, min(width / 5, 7.0)
    whisker = (
        f"M{middle:.1f} {low:.1f}V{high:.1f}"
        f"M{middle - cap:.1f} {low:.1f}h{2 * cap:.1f}M{middle - cap:.1f} {high:.1f}h{2 * cap:.1f}"
    )
    return (
        f'<rect x="{left + 2:.1f}" y="{y:.1f}" width="{width - 4:.1f}" height="{_BOTTOM - y:.1f}"'
        f' fill="{colour}"/><path d="{whisker}" stroke="{_INK}" stroke-width="1.5" fill="none"/>'
        + _text(middle, high - 6, f"{bar.mean:.3f}", "middle", size=11)
    )


def _legend(series: Sequence[str]) -> str:
    entries, left = [], float(_LEFT)
    for name, colour in zip(series, _COLOURS, strict=False):
        entries.append(f'<rect x="{left:.0f}" y="38" width="12" height="12" fill="{colour}"/>')
        entries.append(_text(left + 18, 49, name, "start"))
        left += 44 + 7.5 * len(name)
    return "".join(entries)


def _axis(ticks: Sequence[float]) -> str:
    lines = []
    for tick in ticks:
        y = _y(tick, ticks[-1])
        lines.append(f'<path d="M{_LEFT} {y:.1f}H{_RIGHT}" stroke="{_GRID}" fill="none"/>')
        lines.append(_text(_LEFT - 8, y + 4, f"{tick:g}", "end"))
    return "".join(lines)


def _text(x: float, y: float, words: str, anchor: str, *, size: int = 13) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{_INK}">'
        f"{escape(words)}</text>"
    )


def _y(value: float, top: float) -> float:
    return _BOTTOM - (_BOTTOM - _TOP) * value / top


def _ticks(highest: float) -> list[float]:
    """From 0 to the first round number at or over the highest value; to 1 if that is next to 0."""
    if highest < _FLAT:
        return [0.0, 1.0]
    unit = 10.0 ** math.floor(math.log10(highest))
    steps = (unit * share for share in (0.1, 0.2, 0.5, 1.0, 2.0))
    step = next(size for size in steps if math.ceil(highest / size) < _MOST_TICKS)
    return [round(step * index, 12) for index in range(math.ceil(highest / step) + 1)]
