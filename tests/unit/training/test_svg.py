"""Charts are well-formed, can be read aloud, and put each value where its axis says."""

import re
from xml.etree import ElementTree

import pytest

from everloop.training.svg import Axis, Bar, Chart, axis_over, bar_chart

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [(0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]), (-3, 12, [0, 5, 10]), (0.71, 0.9, [0.75, 0.8, 0.85, 0.9]), (1e9, 3e9, None)],
)
def test_ticks_are_round_numbers_within_the_axis(low: float, high: float, ticks: list[float] | None) -> None:
    found = Axis("", low, high).ticks
    assert all(low <= tick <= high * (1 + 1e-9) for tick in found)
    assert 2 <= len(found) <= 7
    assert ticks is None or found == pytest.approx(ticks)


@pytest.mark.parametrize("values", [[3.0], [0.0, 0.0], [-5.0, -5.0], [1e-9, 2e-9]])
def test_an_axis_has_room_for_values_that_are_all_the_same(values: list[float]) -> None:
    axis = axis_over("", values)
    assert axis.low < min(values)
    assert axis.high > max(values)
    assert axis.ticks


def test_a_chart_names_itself_and_its_axes() -> None:
    chart = Chart("Speed & <heat>", "told", Axis("x < 1", 0, 1), Axis("y", 0, 10))
    chart.line([(0, 0), (1, 10)])
    chart.dots([(0.5, 5)])
    chart.spans([(0.5, 1, 9)])
    root = ElementTree.fromstring(chart.to_svg())
    assert root.get("role") == "img"
    named = [root.find(f"{SVG}{tag}[@id='{name}']") for tag, name in (("title", "title"), ("desc", "description"))]
    assert [element.text for element in named if element is not None] == ["Speed & <heat>", "told"]
    assert {"x < 1", "y", "Speed & <heat>"} <= {element.text for element in root.iter(f"{SVG}text")}
    [line] = root.iter(f"{SVG}polyline")
    assert line.get("points") == "84.0,340.0 616.0,48.0"


def test_a_bar_goes_from_the_reference_to_its_value() -> None:
    bars = [Bar("fine", 3, 2, 4), Bar("a very long name | of a level that nobody can read in full", -1, -2, 0)]
    svg = bar_chart("Bars", "told", Axis("x", -4, 6), bars, reference=0)
    ElementTree.fromstring(svg)
    rects = re.findall(r'<rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', svg)
    assert [(float(x), float(width)) for x, width in rects] == [(396.4, 109.8), (359.8, 36.6)]
    assert "…" in svg
