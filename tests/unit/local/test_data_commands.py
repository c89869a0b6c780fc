"""How reports and datasets are printed."""

from pathlib import Path
from typing import Any

import duckdb
import pytest

from everloop.contracts.batches import Finding, Format, Impact, Problem, Reading
from local.commands.data import _quarantined_rows
from local.commands.datasets import _print_diff
from local.commands.reports import batch_cells, print_full, print_short, read_as
from local.console import one_of, print_table
from local.errors import ApiError
from local.loop import Loop
from tests.unit.local.test_replay import report

Printed = pytest.CaptureFixture[str]


def number(mean: float, *, nulls: int = 0) -> dict[str, Any]:
    quartiles = {"q25": mean - 1, "median": mean, "q75": mean + 1, "minimum": mean - 9, "maximum": mean + 9}
    share = {"rows": 100, "nulls": nulls, "null_share": nulls / 100}
    return {"type": "number", "mean": mean, "standard_deviation": 2.0, **quartiles, **share}


def column(name: str, kind: str, before: Any, after: Any, *, drifted: bool | None) -> dict[str, Any]:
    drift = {"statistic": "wasserstein", "effect": 0.75, "threshold": 0.1, "p_value": 1e-9, "psi": 0.5}
    compared = None if drifted is None else {**drift, "drifted": drifted}
    return {"column": name, "type": kind, "from": before, "to": after, "drift": compared}


def test_an_upload_tells_problems_and_the_worst_finding_first(capsys: Printed) -> None:
    findings = (
        Finding(reason="new_levels", impact=Impact.COMPATIBLE, column="kind", expected="axial", got="radial"),
        Finding(reason="late", impact=Impact.BREAKING, expected="[1, 2]", got="9"),
    )
    problem = Problem(reason="wrong_type", column="x", rows=2, expected="number", example="abc")
    found = report("a", accepted=5, quarantined=2, problems=(problem,), findings=findings)
    print_short(found, name="a.csv")
    assert capsys.readouterr().out.splitlines() == [
        "a.csv: accepted  batch a  7 delivered = 5 accepted + 2 quarantined + 0 duplicates",
        "  2 × x: wrong_type, expected number, got 'abc'",
        "  breaking: late, expected [1, 2], got 9",
        "  compatible: kind: new_levels, expected axial, got radial",
    ]
    assert "2, breaking" in batch_cells(found)


def test_what_is_cut_off_after_an_upload_is_in_the_full_report(capsys: Printed) -> None:
    problems = tuple(Problem(reason="wrong_type", column=f"x{i}", rows=1, expected="number") for i in range(25))
    found = report("a", accepted=5, quarantined=2, problems=problems)
    print_short(found, name="a.csv")
    assert "and 5 more; see `everloop batches pump a`" in capsys.readouterr().out
    print_full(found)
    assert "x24" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["a[/x].csv", "rows[final].csv", ":smile:.csv", "back\\[bold].csv"])
def test_a_file_is_called_as_it_is_named_whatever_the_brackets(name: str, capsys: Printed) -> None:
    found = report("a", accepted=5)
    source = found.source.model_copy(update={"key": f"uploads/pump/{name}"})
    found = found.model_copy(update={"source": source, "undeclared_columns": (name,)})
    print_short(found, name=name)
    assert capsys.readouterr().out.startswith(f"{name}: accepted  batch a")
    print_full(found)
    assert f"uploads/pump/{name}" in capsys.readouterr().out
    print_table([name], [[name]])
    assert capsys.readouterr().out.split() == [name, name]


class Quarantine(Loop):
    """Holds 50 rows of one batch."""

    def download_quarantine(self, model: str, batch_id: str, path: Path) -> bool:
        with duckdb.connect() as database:
            database.execute(f"COPY (SELECT range AS x FROM range(50)) TO '{path}' (FORMAT parquet)")
        return True


@pytest.mark.parametrize(("limit", "rows"), [(20, 20), (None, 50)])
def test_no_more_quarantined_rows_are_read_than_shown(limit: int | None, rows: int) -> None:
    loop = Quarantine.__new__(Quarantine)
    assert _quarantined_rows(loop, "pump", "a", limit) == [{"x": x} for x in range(rows)]


def test_a_replay_is_called_one() -> None:
    assert "replay of a" in batch_cells(report("b", accepted=1, replay_of="a"))


@pytest.mark.parametrize(
    ("reading", "words"),
    [
        (Reading(format=Format.PARQUET), "parquet"),
        (Reading(format=Format.DELIMITED, encoding="utf-8", delimiter=",", quote='"'), "csv"),
        (
            Reading(format=Format.DELIMITED, compression="gzip", encoding="cp1252", delimiter=";", header=False),
            "csv, gzip, encoding 'cp1252', delimiter ';', no header",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_how_a_file_was_read_is_told_where_one_would_not_think_so(reading: Reading, words: str) -> None:
    assert read_as(reading) == words


def test_a_diff_shows_drifted_columns_first(capsys: Printed) -> None:
    side = {"version": "1234", "rows": 100, "batches": 1, "definition_hash": "d"}
    day = {**number(0), "minimum": 0, "maximum": 86_400}
    kinds = {"type": "category", "rows": 100, "nulls": 0, "null_share": 0.0, "distinct": 2}
    _print_diff(
        {
            "from": side,
            "to": {**side, "version": "5678", "definition_hash": "e"},
            "batches": {"kept": 1, "added": [{"batch_id": "b", "rows": 1_000}], "removed": []},
            "schema": {"added": {"new": "number"}, "removed": {}, "changed": {"k": {"from": "text", "to": "category"}}},
            "columns": [
                column("at", "timestamp", day, day, drifted=None),
                column("k", "category", None, {**kinds, "top_levels": {"[a]": 60, "b": 40}}, drifted=None),
                column("x", "number", number(3), number(5, nulls=7), drifted=True),
            ],
        }
    )
    printed = capsys.readouterr().out
    assert "the definition has changed" in printed
    assert "+ batch b, 1,000 rows" in printed
    assert "+ column new (number)" in printed
    assert "~ column k: text → category" in printed
    x, at, k = printed.splitlines()[-3:]
    assert x.startswith("DRIFTED  x")
    assert "7.0%" in x
    assert "3 ± 2; 2 | 3 | 4" in x
    assert "wasserstein 0.750" in x
    assert "1970-01-01 00:00 … 1970-01-02 00:00" in at
    assert "2 levels: [a] 60%, b 40%" in k


def test_an_id_may_be_given_by_its_beginning() -> None:
    assert one_of(["ab12", "cd34"], "ab", "batch", see="…") == "ab12"
    assert one_of(["ab", "ab12"], "ab", "batch", see="…") == "ab"
    with pytest.raises(ApiError, match="got 'a', which begins 2 ids: ab, ab12; see `list`"):
        one_of(["ab", "ab12"], "a", "batch", see="list")
    with pytest.raises(ApiError, match="got 'x', which is none"):
        one_of(["ab"], "x", "batch", see="list")
