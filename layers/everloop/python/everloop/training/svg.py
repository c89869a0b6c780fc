"""Charts as SVG text: axes, lines, dots and bars, with a title, a description and labels that can be read aloud."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape

WIDTH, HEIGHT = 640, 400
LEFT, RIGHT, TOP, BOTTOM = 84, 24, 48, 60
ROW = 26
LABELS = 250
"""Room for the names of bars."""
TICKS = 5
INK, SHADE, ACCENT, BAR = "#1b1f24", "#d0d7de", "#0b5cad", "#7fb2e5"
_LINE = f'stroke="{ACCENT}" stroke-width="2.5"'
_DASHED = f'stroke="{INK}" stroke-dasharray="6 5"'
_LONGEST_LABEL = 38
_LONGEST_UPRIGHT_LABEL = 18
_CELLS = 354
"""Width and height of a heat map."""
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no escaping helps to carry."""

Point = Sequence[float]
"""x and y."""


@dataclass(frozen=True)
class Axis:
    label: str
    low: float
    high: float

    def share(self, value: float) -> float:
        return (value - self.low) / (self.high - self.low)

    @property
    def ticks(self) -> list[float]:
        """Round numbers within, about five of them."""
        step = 10 ** math.floor(math.log10((self.high - self.low) / TICKS))
        step *= next(factor for factor in (1, 2, 5, 10) if (self.high - self.low) / (step * factor) <= TICKS)
        return [step * n for n in range(math.ceil(self.low / step), math.floor(self.high / step + 1e-9) + 1)]


def axis_over(label: str, values: Iterable[float], *, margin: float = 0.05) -> Axis:
    """An axis with room for all of the values, and a little more."""
    known = list(values)
    low, high = min(known), max(known)
    room = (high - low) * margin or abs(high) * margin or 1.0
    return Axis(label, low - room, high + room)


@dataclass
class Chart:
    """Marks are drawn in the order in which they are added."""

    title: str
    description: str
    x: Axis
    y: Axis
    marks: list[str] = field(default_factory=list)

    def line(self, points: Iterable[Point], *, dashed: bool = False) -> None:
        drawn = " ".join(f"{self._x(x):.1f},{self._y(y):.1f}" for x, y in points)
        self.marks.append(f'<polyline points="{drawn}" fill="none" {_DASHED if dashed else _LINE}/>')

    def dots(self, points: Iterable[Point]) -> None:
        circles = (f'<circle cx="{self._x(x):.1f}" cy="{self._y(y):.1f}" r="4"/>' for x, y in points)
        self.marks.append(f'<g fill="{ACCENT}">{"".join(circles)}</g>')

    def spans(self, spans: Iterable[tuple[float, float, float]]) -> None:
        """Upright bars from low to high at x."""
        drawn = (f'<path d="M{self._x(x):.1f} {self._y(low):.1f}V{self._y(high):.1f}"/>' for x, low, high in spans)
        self.marks.append(f'<g stroke="{SHADE}" stroke-width="9">{"".join(drawn)}</g>')

    def legend(self, *, line: str, dashed: str) -> None:
        """What the two kinds of lines are, between title and plot."""
        for x, name, style in ((LEFT, line, _LINE), (LEFT + 150, dashed, _DASHED)):
            self.marks.append(f'<path d="M{x} {TOP - 10}h28" {style}/>')
            self.marks.append(f'<text x="{x + 34}" y="{TOP - 6}">{_text(name)}</text>')

    def to_svg(self) -> str:
        right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
        grid = [
            _upright(self._x(tick), TOP, bottom) + _under(self._x(tick), bottom + 20, tick) for tick in self.x.ticks
        ]
        for tick in self.y.ticks:
            height = self._y(tick)
            grid.append(f'<path d="M{LEFT} {height:.1f}H{right}" stroke="{SHADE}"/>')
            grid.append(f'<text x="{LEFT - 8}" y="{height + 4:.1f}" text-anchor="end">{tick:.4g}</text>')
        upright = f"translate(18 {(TOP + bottom) / 2:.0f}) rotate(-90)"
        names = [
            f'<text x="{(LEFT + right) / 2:.0f}" y="{HEIGHT - 14}" text-anchor="middle">{_text(self.x.label)}</text>',
            f'<text transform="{upright}" text-anchor="middle">{_text(self.y.label)}</text>',
        ]
        return _document(self.title, self.description, HEIGHT, [*grid, *names, *self.marks])

    def _x(self, value: float) -> float:
        return LEFT + self.x.share(value) * (WIDTH - LEFT - RIGHT)

    def _y(self, value: float) -> float:
        return HEIGHT - BOTTOM - self.y.share(value) * (HEIGHT - TOP - BOTTOM)


@dataclass(frozen=True)
class Bar:
    label: str
    value: float
    low: float
    high: float


def bar_chart(title: str, description: str, axis: Axis, bars: Sequence[Bar], *, reference: float) -> str:
    """Each bar a row: from the reference to its value, with a whisker from low to high."""
    bottom = TOP + ROW * len(bars)
    height = bottom + BOTTOM

    def x(value: float) -> float:
        return LABELS + axis.share(value) * (WIDTH - LABELS - RIGHT)

    marks = [_upright(x(tick), TOP, bottom) + _under(x(tick), bottom + 20, tick) for tick in axis.ticks]
    for number, bar in enumerate(bars):
        y = TOP + ROW * number + ROW / 2
        start, width = min(x(reference), x(bar.value)), abs(x(bar.value) - x(reference))
        marks.append(_beside(y, bar.label))
        marks.append(f'<rect x="{start:.1f}" y="{y - 8:.1f}" width="{width:.1f}" height="16" fill="{BAR}"/>')
        marks.append(f'<path d="M{x(bar.low):.1f} {y:.1f}H{x(bar.high):.1f}" stroke="{INK}" stroke-width="2"/>')
    middle = (LABELS + WIDTH - RIGHT) / 2
    marks.append(f'<path d="M{x(reference):.1f} {TOP}V{bottom}" stroke="{INK}"/>')
    marks.append(f'<text x="{middle:.0f}" y="{height - 14}" text-anchor="middle">{_text(axis.label)}</text>')
    return _document(title, description, height, marks)


def heat_map(
    title: str, description: str, names: Sequence[str], counts: Sequence[Sequence[int]], *, rows: str, columns: str
) -> str:
    """A square of counts, each cell shaded by its share of its row; `rows` and `columns` say what these are."""
    size = _CELLS / len(names)
    top = TOP + 24
    bottom, names_below = top + _CELLS, 160
    marks = [f'<text x="{LABELS - 8}" y="{top - 12}" text-anchor="end" font-weight="bold">{_text(rows)}</text>']
    for line, name in enumerate(names):
        y, x = top + size * line, LABELS + size * line
        whole = sum(counts[line])
        marks.append(_beside(y + size / 2, name))
        below = f'transform="translate({x + size / 2 + 4:.1f} {bottom + 8}) rotate(-90)" text-anchor="end"'
        marks.append(f"<text {below}>{_text(name, _LONGEST_UPRIGHT_LABEL)}</text>")
        marks += [
            _cell(LABELS + size * place, y, size, count, count / whole if whole else 0.0)
            for place, count in enumerate(counts[line])
        ]
    middle = LABELS + _CELLS / 2
    label = f'<text x="{middle:.0f}" y="{top - 12}" text-anchor="middle" font-weight="bold">{_text(columns)}</text>'
    return _document(title, description, bottom + names_below, [*marks, label])


def _cell(x: float, y: float, size: float, count: int, share: float) -> str:
    square = f'x="{x:.1f}" y="{y:.1f}" width="{size:.1f}" height="{size:.1f}" stroke="{SHADE}"'
    drawn = f'<rect {square} fill="{ACCENT}" fill-opacity="{share:.3f}"><title>{count:,} ({share:.1%})</title></rect>'
    ink, height = "#ffffff" if share > 0.5 else INK, min(13.0, size / 2.6)
    style = f'font-size="{height:.1f}" text-anchor="middle" fill="{ink}" pointer-events="none"'
    return drawn + f'<text x="{x + size / 2:.1f}" y="{y + size / 2 + height / 3:.1f}" {style}>{count}</text>'


def _beside(y: float, name: str) -> str:
    return f'<text x="{LABELS - 8}" y="{y + 4:.1f}" text-anchor="end">{_text(name, _LONGEST_LABEL)}</text>'


def _text(value: str, longest: int | None = None) -> str:
    """Names of columns and levels come from data: nothing in them is markup."""
    cut = value if longest is None or len(value) <= longest else value[: longest - 1] + "…"
    return escape(_NOT_IN_XML.sub("\ufffd", cut))


def _upright(x: float, top: float, bottom: float) -> str:
    return f'<path d="M{x:.1f} {top}V{bottom}" stroke="{SHADE}"/>'


def _under(x: float, y: float, tick: float) -> str:
    return f'<text x="{x:.1f}" y="{y}" text-anchor="middle">{tick:.4g}</text>'


def _document(title: str, description: str, height: int, marks: Iterable[str]) -> str:
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'role="img" aria-labelledby="title description" font-family="sans-serif" font-size="13" fill="{INK}">',
        f'<title id="title">{_text(title)}</title>',
        f'<desc id="description">{_text(description)}</desc>',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="{WIDTH / 2:.0f}" y="26" text-anchor="middle" font-size="16">{_text(title)}</text>',
        *marks,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"
