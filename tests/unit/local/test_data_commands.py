"""How reports and datasets are printed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner

from everloop.contracts.batches import BatchReport, Finding, Format, Impact, Problem, Reading
from local import cli
from local.commands import data, datasets
from local.commands.data import _quarantined_rows
from local.commands.datasets import _print_diff, count_rows
from local.commands.reports import BATCH_COLUMNS, batch_cells, print_full, print_short, read_as
from local.console import one_of, print_table, stdout
from local.errors import ApiError
from local.loop import Loop, batch_id_of
from local.target import Target
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
    print_full(found, present="old")
    assert "x24" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["a[/x].csv", "rows[final].csv", ":smile:.csv", "back\\[bold].csv"])
def test_a_file_is_called_as_it_is_named_whatever_the_brackets(name: str, capsys: Printed) -> None:
    found = report("a", accepted=5)
    source = found.source.model_copy(update={"key": f"uploads/pump/{name}"})
    found = found.model_copy(update={"source": source, "undeclared_columns": (name,)})
    print_short(found, name=name)
    assert capsys.readouterr().out.startswith(f"{name}: accepted  batch a")
    print_full(found, present="old")
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


def test_a_column_that_drifted_by_its_nulls_shows_their_shares(capsys: Printed) -> None:
    side = {"version": "1234", "rows": 100, "batches": 1, "definition_hash": "d"}
    by_nulls = column("x", "number", number(3, nulls=2), number(3, nulls=31), drifted=True)
    by_nulls["drift"] |= {"effect": 0.0, "psi": 0.0}
    _print_diff(
        {
            "from": side,
            "to": side,
            "batches": {"kept": 1, "added": [], "removed": []},
            "schema": {"added": {}, "removed": {}, "changed": {}},
            "columns": [by_nulls],
        }
    )
    shown = capsys.readouterr().out.splitlines()[-1]
    assert "nulls 2.0% → 31.0%" in shown
    assert "wasserstein" not in shown
    assert shown.split()[-3] == "–", "the threshold is that of the values"


@pytest.mark.parametrize("width", [80, 40])
def test_ids_and_numbers_are_never_cut_however_narrow_the_window(
    width: int, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stdout, "width", width)
    found = [report(f"0123456789abcde{n}", accepted=12_345, findings=()) for n in range(3)]
    print_table(BATCH_COLUMNS, [batch_cells(one) for one in found], ids=["batch"])
    printed = capsys.readouterr().out
    assert [one.batch_id for one in found] == [line[:16] for line in printed.splitlines() if line.startswith("0123")]
    assert printed.count("12,345") == 2 * len(found)
    assert "…" not in printed
    assert width < 80 or max(map(len, printed.splitlines())) <= width


# Commands


class FakeLoop(Loop):
    """Knows reports, and the hash of the definition that is deployed."""

    def __init__(self, *reports: BatchReport, present: str = "new") -> None:
        self.reports, self.present = list(reports), present

    def definition_hash(self, model: str) -> str:
        return self.present

    def batches(self, model: str) -> list[BatchReport]:
        return self.reports

    def report(self, model: str, batch_id: str) -> BatchReport | None:
        return next((report for report in self.reports if report.batch_id == batch_id), None)

    def upload(self, model: str, path: Path) -> str:
        return batch_id_of(path)

    def download_quarantine(self, model: str, batch_id: str, path: Path) -> bool:
        return False


Run = Callable[..., str]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """What a command prints of a loop."""

    def of(loop: Loop, *arguments: str) -> str:
        monkeypatch.setattr(Target, "current", lambda: Target(None))
        for module in (data, datasets):
            monkeypatch.setattr(module, "Loop", lambda _: loop)
        monkeypatch.setattr(data, "announced", lambda target: target)
        return CliRunner().invoke(cli.app, arguments, catch_exceptions=False).stdout

    return of


def test_the_same_bytes_judged_under_an_older_definition_are_told_so(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("x\n1\n")
    loop = FakeLoop(report(batch_id_of(path), accepted=5, quarantined=2))
    told = run(loop, "upload", "pump", str(path))
    assert "delivered before: one batch, counted once" in told
    assert "judged on 2026-03-01 00:00 UTC under an older definition, and not again" in told
    assert "`everloop quarantine pump --replay` judges what is in quarantine; what was accepted stays" in told
    [document] = json.loads(run(loop, "upload", "pump", str(path), "--json"))
    assert document["judged_by_older_definition"]
    loop.present = "old"
    assert "older definition" not in run(loop, "upload", "pump", str(path))
    [document] = json.loads(run(loop, "upload", "pump", str(path), "--json"))
    assert not document["judged_by_older_definition"]


def test_batches_of_an_older_definition_are_named(run: Run) -> None:
    loop = FakeLoop(report("a", accepted=5), report("b", accepted=5, definition_hash="new"))
    told = run(loop, "batches", "pump")
    assert "1 of 2 batches were judged under an older definition (a): what was accepted stays" in told
    assert "--replay" not in told, "nothing waits"
    assert "definition old, an older one" in run(loop, "batches", "pump", "a")
    assert "older" not in run(loop, "batches", "pump", "b")
    documents = json.loads(run(loop, "batches", "pump", "--json"))
    assert [document["judged_by_older_definition"] for document in documents] == [True, False]


def test_quarantine_lists_what_waits_and_counts_what_is_settled(run: Run) -> None:
    problem = Problem(reason="wrong_type", column="x", rows=3, expected="number")
    settled = report("aa", accepted=1, quarantined=3, problems=(problem,))
    waiting = report("bb", accepted=2, quarantined=1, replay_of="aa", problems=(problem,))
    loop = FakeLoop(settled, waiting)
    told = run(loop, "quarantine", "pump")
    assert [line.split()[0] for line in told.splitlines() if "wrong_type" in line] == ["bb"]
    assert "not shown: 1 settled batch, whose rows a replay took over" in told
    assert "wrong_type" in run(loop, "quarantine", "pump", "aa"), "whoever asks for it is shown it"
    problems = json.loads(run(loop, "quarantine", "pump", "--json"))["problems"]
    assert {found["batch_id"]: found["settled"] for found in problems} == {"aa": True, "bb": False}


class PlannedLoop(FakeLoop):
    """Two batches of ten rows, one each day from a first day on; the second is divided by the cut."""

    def planned_dataset(self, model: str, **moments: str | None) -> dict[str, Any]:
        batches = [{"batch_id": name, "rows": 10, "sha256": f"sha of {name}"} for name in ("whole", "cut")]
        return {
            "as_of": moments["as_of"],
            "known_at": moments["known_at"],
            "version": "1234",
            "exists": False,
            "timestamp": "At",
            "manifest": {"definition_hash": "d", "since": None, "as_of": moments["as_of"], "batches": batches},
            "divided": ["cut"],
            "left_out": [{"batch_id": "late", "rows": 10, "reason": "received at some moment, after known-at"}],
        }

    def download_rows(self, model: str, batch_id: str, path: Path) -> None:
        write_days(path)


def write_days(path: Path) -> None:
    """The first ten days of January, at midnight."""
    with duckdb.connect() as database:
        days = "SELECT TIMESTAMP '2026-01-01' + to_days(range::INTEGER) AS at FROM range(10)"
        database.execute(f"COPY ({days}) TO '{path}' (FORMAT parquet)")


def test_a_plan_counts_the_rows_in_the_window_and_says_what_is_left_out(run: Run) -> None:
    asked = ("datasets", "pump", "--as-of", "2026-01-05T00:00:00Z", "--known-at", "2026-02-01")
    lines = [line.split() for line in run(PlannedLoop(), *asked).splitlines()]
    assert ["whole", "10", "10", "sha", "of", "whole"] in lines
    assert ["cut", "10", "4", "sha", "of", "cut"] in lines
    assert ["late", "10", "received", "at", "some", "moment,", "after", "known-at"] in lines
    assert json.loads(run(PlannedLoop(), *asked, "--json"))["rows_in_window"] == {"whole": 10, "cut": 4}


@pytest.mark.parametrize(
    ("timestamp", "since", "as_of", "rows"),
    [
        ("at", None, "2026-01-05T00:00:00+00:00", 4),
        ("AT", "2026-01-03T00:00:00+00:00", "2026-01-05T00:00:00+00:00", 2),
        ("at", None, "2026-01-05T01:00:00+02:00", 4),
        ("measured_at", None, "2026-01-05T00:00:00+00:00", 0),
    ],
    ids=["before", "between", "with an offset", "without the column"],
)
def test_rows_are_counted_between_the_cutoffs(
    tmp_path: Path, timestamp: str, since: str | None, as_of: str, rows: int
) -> None:
    write_days(tmp_path / "rows.parquet")
    assert count_rows(tmp_path / "rows.parquet", timestamp, since=since, as_of=as_of) == rows


def test_an_id_may_be_given_by_its_beginning() -> None:
    assert one_of(["ab12", "cd34"], "ab", "batch", see="…") == "ab12"
    assert one_of(["ab", "ab12"], "ab", "batch", see="…") == "ab"
    with pytest.raises(ApiError, match="got 'a', which begins 2 ids: ab, ab12; see `list`"):
        one_of(["ab", "ab12"], "a", "batch", see="list")
    with pytest.raises(ApiError, match="got 'x', which is none"):
        one_of(["ab"], "x", "batch", see="list")
