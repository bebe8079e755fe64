"""The ledger of results: nothing is lost, nothing is done twice, and the page says what is so."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from bench import results
from bench._ledger import Entry, Key, Ledger, code_hash, present_key, recipe_key, said
from bench._page import page, verdict
from bench._row import ACCURACY, DOLLARS, ERROR, SEEDS, Row
from bench.results import ROOT
from bench.rows import ROWS

ENTRY = Entry(
    row="digits",
    recipe="r1",
    code="c1",
    seed=0,
    score=0.98,
    low=0.97,
    high=0.99,
    rows=100,
    closed_form=None,
    training_seconds=3.0,
    seconds=5.0,
    peak_bytes=2**30,
    resumed=False,
    finished="2026-01-01T00:00:00Z",
    machine={
        "processor": "x86_64",
        "cores": 2,
        "threads": 2,
        "features": ["avx2"],
        "kernels": "AVX2",
        "python": "3.11.0",
        "torch": "2.10.0",
    },
)
DIGITS = Row(
    name="digits",
    what="digits: accuracy",
    score="accuracy",
    unit=ACCURACY,
    published="97 %",
    must=97.5,
)
NOW = {"digits": Key("digits", "r1", "c1")}


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "results.jsonl")


def test_entries_come_back_as_they_were(ledger: Ledger) -> None:
    other = replace(ENTRY, seed=1, low=None, high=None, closed_form=69_000.5)
    ledger.append(ENTRY)
    ledger.append(other)
    assert list(ledger) == [ENTRY, other]


def test_nothing_is_overwritten(ledger: Ledger) -> None:
    ledger.append(ENTRY)
    before = ledger.path.read_bytes()
    with pytest.raises(ValueError, match="has an entry for seed 0"):
        ledger.append(replace(ENTRY, score=1.0))
    ledger.append(replace(ENTRY, code="c2"))
    assert ledger.path.read_bytes().startswith(before)


def test_half_a_line_is_no_entry_and_the_next_one_is_whole(ledger: Ledger) -> None:
    ledger.append(ENTRY)
    whole = ledger.path.read_bytes()
    for cut in (1, len(whole) // 2, len(whole) - 1):
        ledger.path.write_bytes(whole + whole[:cut])
        assert list(ledger) == [ENTRY]
        ledger.append(replace(ENTRY, seed=1))
        assert [entry.seed for entry in ledger] == [0, 1]


def test_the_newest_recipe_is_shown_with_the_last_entry_of_each_seed(ledger: Ledger) -> None:
    older, other = replace(ENTRY, recipe="r0", seed=2), replace(ENTRY, seed=1)
    for entry in (older, ENTRY, other, replace(ENTRY, code="c2", score=0.5)):
        ledger.append(entry)
    shown = [(entry.recipe, entry.code, entry.seed) for entry in ledger.newest("digits")]
    assert shown == [("r1", "c2", 0), ("r1", "c1", 1)]
    assert "more than one version of the code: digits." in page(ledger, NOW, [DIGITS])


@pytest.mark.parametrize(
    ("row", "closed_form", "scores", "expected"),
    [
        (DIGITS, None, [0.97, 0.975, 0.98], "met"),
        (DIGITS, None, [0.97, 0.97, 0.98], "**MISSED**"),
        (DIGITS, None, [0.98], "met (1 of 3 seeds)"),
        (replace(DIGITS, unit=ERROR, must=2.5), None, [0.97, 0.975, 0.98], "met"),
        (replace(DIGITS, unit=ERROR, must=2.4), None, [0.97, 0.975, 0.98], "**MISSED**"),
        (replace(DIGITS, unit=DOLLARS, must=100.0), None, [90.0, 100.0, 110.0], "met"),
        (replace(DIGITS, must=None, tolerance=0.005), 100.0, [99.6] * 3, "met"),
        (replace(DIGITS, must=None, tolerance=0.005), 100.0, [100.6] * 3, "**MISSED**"),
        (replace(DIGITS, must=None, tolerance=0.005), 100.0, [99.4] * 3, "**MISSED**"),
    ],
)
def test_a_row_is_met_where_its_mean_is_good_enough(
    row: Row, closed_form: float | None, scores: list[float], expected: str
) -> None:
    if row.tolerance is not None:
        row = replace(row, unit=DOLLARS)
    entries = [
        replace(ENTRY, seed=seed, score=score, closed_form=closed_form)
        for seed, score in enumerate(scores)
    ]
    assert verdict(row, entries) == expected


def test_the_page_says_what_was_not_run_and_what_is_of_older_code(ledger: Ledger) -> None:
    assert "| not run |" in page(ledger, NOW, [DIGITS])
    ledger.append(ENTRY)
    fresh = page(ledger, NOW, [DIGITS])
    assert "**98.00 %**" in fresh
    assert "97.00 % to 99.00 % (100 rows)" in fresh
    assert "not run" not in fresh
    assert "older code" not in fresh
    assert "older code" in page(ledger, {"digits": Key("digits", "r1", "c2")}, [DIGITS])
    assert "recipe has been changed" in page(
        ledger, {"digits": Key("digits", "r2", "c1")}, [DIGITS]
    )


def test_the_page_tells_what_is_gained_over_others(ledger: Ledger) -> None:
    entry = replace(
        ENTRY,
        gains={
            "linear": {"accuracy": [0.02, 0.01, 0.03]},
            "boosted": {"accuracy": [-0.01, -0.03, 0.01]},
            "constant": {"accuracy": [0.5, None, None]},
        },
    )
    assert "Beside others" not in page(ledger, NOW, [DIGITS])
    ledger.append(entry)
    assert list(ledger) == [entry]
    shown = page(ledger, NOW, [replace(DIGITS, told={"accuracy": "accuracy"})])
    assert "| digits | linear | accuracy | +2.00 % (+1.00 to +3.00) | better |" in shown
    assert (
        "| digits | boosted | accuracy | -1.00 % (-3.00 to +1.00) | no difference is shown |"
        in shown
    )
    assert "| digits | constant | accuracy | +50.00 % | no interval |" in shown


def test_work_is_the_measure_where_it_is_asked() -> None:
    row = replace(DIGITS, must=None, most_work=1000)
    assert row.must_in_words == "≤ 1 k multiply-adds a row, half of the whole way"
    every = [replace(ENTRY, seed=seed) for seed in SEEDS]
    assert verdict(row, [replace(entry, work=999.0) for entry in every]) == "met"
    assert verdict(row, [replace(entry, work=1001.0) for entry in every]) == "**MISSED**"
    assert verdict(row, every) == "**MISSED**", "what was not counted is not met"


@pytest.mark.parametrize(("gain", "expected"), [
    ([0.02, 0.01, 0.03], "met"),
    ([0.02, -0.01, 0.05], "**MISSED**"),
    ([0.5, None, None], "**MISSED**"),
])  # fmt: skip
def test_a_simple_rival_is_beaten_where_the_paired_interval_says_so(
    gain: list[float | None], expected: str
) -> None:
    row = replace(DIGITS, must=None, rival="linear")
    every = [replace(ENTRY, seed=seed, gains={"linear": {"accuracy": gain}}) for seed in SEEDS]
    assert row.must_in_words == "better than linear"
    assert verdict(row, every) == expected
    assert verdict(row, [replace(entry, gains=None) for entry in every]) == "**MISSED**"


@pytest.mark.parametrize(("scores", "expected"), [
    ([0.2, 4.0], "met (2 of 3 seeds)"),  # 0.2 and 0.4 of the rival's
    ([0.9, 2.0], "**MISSED** (2 of 3 seeds)"),  # 0.9 and 0.2, though 2.9 of 11 in sum
])  # fmt: skip
def test_a_share_of_a_rivals_score_is_that_of_the_same_seed(
    scores: list[float], expected: str
) -> None:
    row = replace(DIGITS, must=None, rival="plain", share=0.5, unit=DOLLARS)
    rivals = [replace(ENTRY, seed=seed, score=10.0**seed) for seed in (1, 0)]
    entries = [replace(ENTRY, seed=seed, score=score) for seed, score in enumerate(scores)]
    assert verdict(row, entries, rivals) == expected
    assert verdict(row, entries) == "**MISSED** (2 of 3 seeds)"


def test_an_interval_of_an_error_is_turned_round() -> None:
    shown = [ERROR.show(ERROR.of(edge)) for edge in (0.97, 0.99)]
    assert shown == ["3.00 %", "1.00 %"]


def test_the_code_hash_sees_every_change(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "a.py").write_text("x = 1\n")
    seen = {code_hash(tmp_path)}
    (tmp_path / "inner" / "b.py").write_text("")
    seen.add(code_hash(tmp_path))
    (tmp_path / "a.py").write_text("x = 2\n")
    seen.add(code_hash(tmp_path))
    (tmp_path / "inner" / "b.py").rename(tmp_path / "b.py")
    seen.add(code_hash(tmp_path))
    assert len(seen) == 4


def test_the_code_hash_sees_no_words_and_no_file_that_was_not_imported(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text('"""One."""\nx = 1  # so\n')
    (tmp_path / "b.py").write_text("y = 1\n")
    before = code_hash(tmp_path, ["a.py"])
    (tmp_path / "a.py").write_text('"""Two."""\n\nx = 1\n')
    (tmp_path / "b.py").write_text("y = 2\n")
    assert code_hash(tmp_path, ["a.py"]) == before
    (tmp_path / "a.py").write_text('"""Two."""\n\nx = 2\n')
    assert code_hash(tmp_path, ["a.py"]) != before


def test_a_recipe_is_what_it_says_but_its_seed() -> None:
    asked = {"task": {"kind": "write"}, "seed": 3}
    assert said(asked) == said({"task": {"kind": "write"}})
    assert said(asked) != said({"task": {"kind": "write", "prompt": "x"}})


def test_every_row_has_a_recipe_of_its_own() -> None:
    keys = [recipe_key(row, "code") for row in ROWS]
    assert len({key.recipe for key in keys}) == len(ROWS)


def test_a_training_is_measured_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole way on the textbook's line, in a process of its own, then from the ledger."""
    row = Row("textbook-line", "y = 2x + 0.33: RMSE", "rmse", DOLLARS, "", tolerance=0.5,
              told={"rmse": "RMSE"})  # fmt: skip
    monkeypatch.setattr(results, "ROWS", (row,))
    monkeypatch.setattr(results, "DOCS", tmp_path)
    monkeypatch.setattr(results, "RUNS", tmp_path / "runs")
    assert results.main(["--seeds", "0"]) == 0
    written = (tmp_path / "results.jsonl").read_bytes()
    assert results.main(["--seeds", "0"]) == 0
    assert (tmp_path / "results.jsonl").read_bytes() == written
    entry = json.loads(written)
    assert entry["peak_bytes"] > 2**20
    assert entry["seconds"] > entry["training_seconds"] > 0
    assert abs(entry["score"] / entry["closed_form"] - 1) < 0.5
    value, low, high = entry["gains"]["mean"]["rmse"]
    assert 0 < low < value < high, "a line is better than no line"
    assert "| textbook-line | mean | RMSE |" in (tmp_path / "results.md").read_text()


def test_what_an_attempt_imported_counts_though_it_was_killed(tmp_path: Path) -> None:
    note = tmp_path / "digits.modules"
    head = "import sys; from pathlib import Path; from bench import _train; "
    tell = f"note = Path({str(note)!r}); _train._note_imports(note); "
    cut = "import sonde.data.augment.flip, os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    assert subprocess.run([sys.executable, "-c", head + tell + cut], cwd=ROOT).returncode < 0
    after = "print(*_train._modules(note), 'sonde.data.augment.flip' in sys.modules)"
    asked = [sys.executable, "-c", head + tell + after]
    *files, again = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True).stdout.split()
    assert {"data/augment/flip.py", "data/augment/__init__.py", "core/spec.py"} <= set(files)
    assert again == "False"


@pytest.mark.learns
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_number_is_reached(row: Row) -> None:
    """By the present code and recipe, over every seed."""
    ledger = Ledger(results.DOCS / "results.jsonl")
    entries = ledger.newest(row.name)
    assert [entry.seed for entry in entries] == list(SEEDS)
    assert entries[0].key == present_key(row, ledger, results.PACKAGE)
    assert verdict(row, entries) == "met"
