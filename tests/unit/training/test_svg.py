"""Charts are well-formed, can be read aloud, and put each value where its axis says."""

import re
from xml.etree import ElementTree

import pytest

from everloop.training.svg import Axis, Bar, Chart, axis_over, bar_chart, heat_map

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


def test_a_legend_names_both_kinds_of_lines() -> None:
    chart = Chart("Forecast", "told", Axis("x", 0, 1), Axis("sales", 0, 10))
    chart.legend(line="forecast", dashed="actual")
    root = ElementTree.fromstring(chart.to_svg())
    assert {"forecast", "actual", "sales"} <= {element.text for element in root.iter(f"{SVG}text")}
    shown = [path for path in root.iter(f"{SVG}path") if "h28" in path.get("d", "")]
    assert [path.get("stroke-dasharray") for path in shown] == [None, "6 5"]


def test_a_cell_is_as_dark_as_its_share_of_the_row() -> None:
    names = ["axial", "radial", "none of them"]
    svg = heat_map("Confusion", "told", names, [[3, 1, 0], [0, 0, 0], [0, 0, 9]], rows="actual", columns="label")
    root = ElementTree.fromstring(svg)
    shades = [rect.get("fill-opacity") for rect in root.iter(f"{SVG}rect") if rect.get("fill-opacity")]
    assert shades == ["0.750", "0.250", "0.000", *["0.000"] * 5, "1.000"]
    told = [element.text for element in root.iter(f"{SVG}title")]
    assert told[1:3] == ["3 (75.0%)", "1 (25.0%)"]
    texts = [element.text for element in root.iter(f"{SVG}text")]
    assert {"actual", "label", *names} <= set(texts)
    assert all(texts.count(name) == 2 for name in names)


@pytest.mark.parametrize(
    "name",
    ["<script>alert(1)</script>", '" onload="alert(1)', "]]><!ENTITY x 'y'>&x;", "a\x00b\x1b[31m\ufffe", "ü 字 😀"],
)
def test_what_a_level_is_called_is_text_and_nothing_else(name: str) -> None:
    axis = Axis(name, 0, 1)
    chart = Chart(name, name, axis, axis)
    drawn = [
        chart.to_svg(),
        bar_chart(name, name, axis, [Bar(name, 1, 0, 1)], reference=0),
        heat_map(name, name, [name], [[1]], rows=name, columns=name),
    ]
    for svg in drawn:
        root = ElementTree.fromstring(svg)
        tags = {element.tag.removeprefix(SVG) for element in root.iter()}
        assert tags <= {"svg", "title", "desc", "rect", "text", "path", "g"}
        assert not any(attribute.startswith("on") for element in root.iter() for attribute in element.attrib)
        assert name[0] in (root.findtext(f"{SVG}title") or "")


def test_a_bar_goes_from_the_reference_to_its_value() -> None:
    bars = [Bar("fine", 3, 2, 4), Bar("a very long name | of a level that nobody can read in full", -1, -2, 0)]
    svg = bar_chart("Bars", "told", Axis("x", -4, 6), bars, reference=0)
    ElementTree.fromstring(svg)
    rects = re.findall(r'<rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', svg)
    assert [(float(x), float(width)) for x, width in rects] == [(396.4, 109.8), (359.8, 36.6)]
    assert "…" in svg
