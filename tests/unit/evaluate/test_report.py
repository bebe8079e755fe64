from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from html import escape
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from sonde.contracts.metric import Score
from sonde.contracts.panels import Curves, Heatmap, Panel, Rowlist, Table
from sonde.core.errors import StorageError
from sonde.evaluate.contents import ColumnCard, DataCard, Outcome, Provenance, Report, ShownRow
from sonde.evaluate.report import page, write_report

HOSTILE = "<script>alert('\"&')</script>"
VOID = {"meta", "img"}


class _Strict(HTMLParser):
    """Collects tags and text, and fails where elements do not nest."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def parsed(html: str) -> _Strict:
    parser = _Strict()
    parser.feed(html)
    parser.close()
    assert parser.open == []
    return parser


def report(word: str) -> Report:
    """A report with `word` wherever text from data can stand."""
    curves = Curves(
        word,
        {word: (np.arange(3.0), np.array([1.0, np.nan, 3.0])), "b": (np.empty(0), np.empty(0))},
        x_title=word,
        y_title=word,
        points=frozenset({word}),
        diagonal=True,
        note=word,
    )
    panels: list[Panel] = [
        curves,
        Heatmap(word, np.array([[3, 0], [1, 2]]), [word, "b"], [word, "b"], word, word, word),
        Table(word, (word, "n"), [(word, "1")], word),
        Rowlist(word, [7, 8], [word, word], word),
    ]
    rows = {7: ShownRow({word: word, "gone": None, "bytes": b"123"}, {word: b"\x89PNG"})}
    scores = {word: {word: Score(0.8, 0.7, 0.9, 50)}, "linear": {word: Score(float("nan"))}}
    gains = {word: {word: Score(0.1, 0.02, 0.2, 50), "b": Score(float("nan"))}}
    return Report(
        word,
        {word: word},
        DataCard({word: 10, "test": 0}, word, [ColumnCard(word, word, word, word)],
                 {word: word}, 1, [word]),
        [curves],
        Outcome(scores, word, word, {word: word}, panels, rows, gains),
        Provenance(word, {word: word}, {word: word}, 1, word),
        {word: [Table(word, (word,), [], word), panels[2]]},
    )  # fmt: skip


def test_whatever_comes_from_data_is_escaped() -> None:
    """The page with hostile words has the very elements of one with harmless words as long."""
    word = "w" * len(HOSTILE)
    hostile, harmless = parsed(page(report(HOSTILE))), parsed(page(report(word)))
    assert [tag for tag, _ in hostile.tags] == [tag for tag, _ in harmless.tags]
    assert [set(attrs) for _, attrs in hostile.tags] == [set(attrs) for _, attrs in harmless.tags]
    assert hostile.text == harmless.text.replace(word, HOSTILE)
    assert "script" not in {tag for tag, _ in hostile.tags}


def test_control_characters_and_lone_surrogates_can_be_written(tmp_path: Path) -> None:
    write_report(tmp_path / "report.html", report("a\x00b\ud800c"))
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "\x00" not in text and "a\N{REPLACEMENT CHARACTER}b?c" in text


def test_the_page_asks_the_network_for_nothing() -> None:
    found = parsed(page(report("word")))
    for _, attrs in found.tags:
        for name in ("src", "href"):
            assert (attrs.get(name) or "data:").startswith("data:")
    assert not re.search(r"url\(|@import|http://|https://", page(report("word")))


def test_scores_stand_beside_their_rivals_and_undefined_ones_are_a_dash() -> None:
    text = parsed(page(report("word"))).text
    assert "0.8000.700 to 0.900-" in text


def test_rows_are_shown_with_fields_and_pictures() -> None:
    found = parsed(page(report("word")))
    pictures = [attrs for tag, attrs in found.tags if tag == "img"]
    assert pictures == [{"src": "data:image/png;base64,iVBORw==", "alt": "word"}]
    assert "missing" in found.text and "3 bytes" in found.text and "row 7" in found.text


def test_several_looks_at_the_test_rows_are_confessed() -> None:
    made = report("word")
    assert "once" in parsed(page(made)).text
    looked = replace(made, provenance=replace(made.provenance, test_openings=3))
    assert "3 times; each look makes it less of a test" in parsed(page(looked)).text


def test_a_run_that_was_not_judged_still_has_a_report() -> None:
    bare = replace(report("word"), outcome=Outcome({}, "auc"), learning=[])
    found = parsed(page(bare))
    assert "Answers" not in found.text and "Learning" not in found.text


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"nowhere/report\.html: cannot be written"):
        write_report(tmp_path / "nowhere" / "report.html", report("word"))


def test_a_gain_whose_interval_excludes_0_is_in_bold() -> None:
    gains = {"linear": {"auc": Score(0.05, 0.01, 0.09), "f1": Score(0.05, -0.01, 0.11)}}
    shown = report("x")
    html = page(replace(shown, outcome=replace(shown.outcome, gains=gains)))
    assert "<b>+0.050</b><small>+0.010 to +0.090</small>" in html
    assert "<span>+0.050</span><small>-0.010 to +0.110</small>" in html


def test_what_is_long_is_folded_away() -> None:
    """Beyond four rows of a list, and the recipe."""
    shown = report("x")
    rows = Rowlist("Worst", list(range(9)), [f"remark {row}" for row in range(9)])
    html = page(replace(shown, outcome=replace(shown.outcome, panels=[rows])))
    folded = html[html.index("5 more rows") :]
    assert "remark 4" in folded and "remark 3" not in folded
    assert "<summary>as recipe.yaml</summary>" in html


def matrix(classes: int, name: str = "class") -> Heatmap:
    labels = [f"{name} {place}" for place in range(classes)]
    return Heatmap("Confusion", 7 * np.eye(classes, dtype=int), labels, labels, "true", "predicted")


def with_panels(*panels: Panel) -> Report:
    shown = report("x")
    return replace(shown, outcome=replace(shown.outcome, panels=panels))


def test_a_matrix_of_many_classes_is_a_picture_with_as_many_labels_as_have_room() -> None:
    few, many = page(with_panels(matrix(6))), page(with_panels(matrix(60)))
    assert few.count("<td style=") == 36 and "<image" not in few
    assert "<td style=" not in many and many.count("<image") == 1
    labels = re.findall(r"class \d+</text>", many)
    assert 20 < len(labels) < 60 and len(many) - len(few) < 20_000


def test_a_telephone_gets_a_picture_where_a_page_has_room_for_numbers() -> None:
    html = page(with_panels(matrix(10)))
    assert html.count("<td style=") == 100 and html.count("<image") == 1
    assert 'class="on-pages"' in html and 'class="on-phones"' in html


def test_scores_of_one_target_stand_together() -> None:
    names = ["a rmse", "b rmse", "a r2", "b r2"]
    shown = report("x")
    outcome = replace(
        shown.outcome,
        scores={"sonde": {name: Score(1.0 + at) for at, name in enumerate(names)}},
        main_metric="a rmse",
        about={name: name[0] for name in names},
        gains={},
    )
    found = parsed(page(replace(shown, outcome=outcome)))
    assert "armse1.000r23.000brmse2.000r24.000" in found.text
    assert found.text.count("test rows, 95 % intervals") == 2, "the main score of each target"


def test_one_point_alone_is_drawn_large() -> None:
    def drawn(points: int) -> str:
        values = np.arange(float(points))
        return page(with_panels(Curves("one", {"y": (values, values)})))

    assert 'r="5.0"' in drawn(1) and 'r="5.0"' not in drawn(2)


def test_a_table_of_long_cells_gets_the_width_of_the_page() -> None:
    row = ("gradient boosting", "0.0058 [0.0018, 0.0098]", "+0.0044", "5 of 5", "0.190")
    header = ("rival", "gain on all rows", "mean over folds", "folds won", "p")
    wide = page(with_panels(Table("Gain", header, [row])))
    narrow = page(with_panels(Table("Gain", header[:3], [("linear", "0.1", "0.2")])))
    before = '<figure class="wide"><h3>Gain</h3>'
    assert before in wide and before not in narrow


@pytest.mark.parametrize(
    ("exactness", "said"),
    [("bits", "equal to the last bit"), ("statistical", "alike, not equal")],
)
def test_what_a_second_run_gives_is_said_in_words(exactness: str, said: str) -> None:
    shown = report("x")
    provenance = replace(shown.provenance, exactness=exactness)
    assert said in parsed(page(replace(shown, provenance=provenance))).text


@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_is_no_wider_than_the_window(width: int, tmp_path: Path) -> None:
    """What is wider scrolls in a box of its own: a browser lays it out in a frame of this width."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("needs Chromium or Chrome, to lay the page out")
    long = "a_label_of_a_class_without_any_blank_in_it"
    row = (long, *["0.00048 [-0.00074, 0.0017]"] * 9)
    panels = [matrix(n, long) for n in (3, 10, 40)] + [Table(long, [long] * 10, [row] * 30)]
    html = page(replace(with_panels(*panels), title=long * 4, untouched={long: long * 4}))
    frame = (
        f'<iframe style="width:{width}px;height:30000px;border:0" srcdoc="{escape(html)}"></iframe>'
    )
    measure = (
        "onload = () => document.title = document.querySelector('iframe')"
        ".contentDocument.documentElement.scrollWidth"
    )
    (tmp_path / "frame.html").write_text(f"<title></title>{frame}<script>{measure}</script>")
    options = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={tmp_path / 'user'}",
    ]
    asked = [browser, *options, "--dump-dom", (tmp_path / "frame.html").as_uri()]
    dumped = subprocess.run(asked, capture_output=True, text=True, timeout=120, check=True).stdout
    found = re.search(r"<title>(\d+)</title>", dumped)
    assert found is not None and int(found[1]) == width
