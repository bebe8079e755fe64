from __future__ import annotations

import gzip
import subprocess
import sys
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.chunks import Chunks

from sonde.contracts.data import Encoded, Ragged
from sonde.contracts.panels import Curves, Table
from sonde.core.errors import DataError, MissingPackage, RecipeError, StorageError
from sonde.core.notice import listening
from sonde.core.port import SEPARATOR, TOKENS, UNKNOWN, Port
from sonde.data.columns import _part_counts, _pieces
from sonde.data.columns._words import joined, words_of
from sonde.data.columns.text import Text
from sonde.data.store import fit_columns

SENTENCES = [
    "The cat doesn't see it's 3.14 m away (twice).",
    'She said "hello there" and left!',
    "Die Straße ist naß, ein Café\u0301 daneben.",
    "我爱你。你好,世界!",
    "שלום עולם, مرحبا بالعالم",
    "नमस्ते दुनिया 👩\u200d👩\u200d👧 😀",
]

TEXTS = st.text(
    st.one_of(
        st.sampled_from(
            "aab'\u2019 \n\t.,<>[]|é\u0301\u0323\u200d我שa👩\0\ufffdİßﬁ한\u1100\u1161\u11a8"
        ),
        st.characters(exclude_categories=("Cs", "Cn")),
    ),
    max_size=30,
)
"""Texts that are awkward more often than chance makes them."""


def rows_of(*texts: str | None) -> pa.RecordBatch:
    return pa.record_batch({"x": pa.array(texts, pa.string())})


def fitted(*texts: str | None, **options: Any) -> Text:
    return Text(**{"at_least": 1} | options).named("x").fit([rows_of(*texts)])


def rows_in(encoded: Encoded) -> list[list[int]]:
    assert encoded.starts is not None and encoded.lengths is not None
    pairs = zip(encoded.starts, encoded.lengths, strict=True)
    return [encoded.values[a : a + n].tolist() for a, n in pairs]


def places(column: Text, *texts: str | None) -> list[list[int]]:
    return rows_in(column.encode(rows_of(*texts)))


def back(column: Text, *texts: str) -> list[str]:
    encoded = column.encode(rows_of(*texts))
    assert encoded.starts is not None and encoded.lengths is not None
    return column.decode(Ragged(encoded.values, encoded.starts, encoded.lengths))


@pytest.mark.parametrize(("text", "words"), [
    ("I don't, she's; n't", ["I", "do", "n't", ",", "she", "'s", ";", "n't"]),
    ("can\u2019t 'quoted' l'eau", ["ca", "n\u2019t", "'", "quoted", "'", "l", "'", "eau"]),
    ("3.14 1,000 12:30 v2 a_b 1.5m", ["3.14", "1,000", "12:30", "v2", "a_b", "1.5", "m"]),
    ("我爱你。ok", ["我", "爱", "你", "。", "ok"]),
    ("cafe\u0301 नमस्ते fami\u200dly", ["cafe\u0301", "नमस्ते", "fami\u200dly"]),
    ("<pad> [MASK]", ["<", "pad", ">", "[", "MASK", "]"]),
    ("", []),
])  # fmt: skip
def test_words(text: str, words: list[str]) -> None:
    assert words_of(text) == words


def test_words_of_training_rows_have_places_the_commonest_first() -> None:
    column = fitted("b a", "b c", None, "a b d")
    assert column.words == ("b", "a", "c", "d")  # a and b by count, then by letter
    assert column.port == Port("sequence", size=TOKENS + 4, optional=True)
    assert places(column, "d b z", "", "  ", None) == [[8, 5, UNKNOWN], [], [], []]
    present = column.encode(rows_of("d", "", None)).present
    assert present is not None and present.tolist() == [True, True, False]


def test_few_words_and_rare_words() -> None:
    assert fitted("b b a a c", vocabulary=2).words == ("a", "b")
    assert fitted("b b a a c", at_least=2).words == ("a", "b")
    assert fitted("B b", lower=True).words == ("b",)


def test_what_is_counted_is_bounded_and_what_comes_often_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_part_counts, "_MOST", 40)
    heard: list[str] = []
    chunks = [rows_of("often " + " ".join(f"w{at}x{n}" for n in range(9))) for at in range(30)]
    with listening(lambda message, *_: heard.append(message)):
        column = Text(at_least=1).named("x").fit(chunks)
    assert column.words[0] == "often"
    assert len(column.words) <= 41
    assert "more than 40 different words" in heard[0]


@pytest.mark.parametrize(("options", "message"), [
    ({"field": "a", "fields": ["b"]}, "both field and fields"),
    ({"tokens": "bpe", "vectors_from": "v.txt"}, "set tokens: words"),
    ({"longest": 0}, "longest: got 0, expected greater than 0"),
])  # fmt: skip
def test_options_that_cannot_be_meant(options: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        Text.parse(options)


def test_one_spelling_of_unicode() -> None:
    both = "cafe\u0301", "café"
    assert len({*map(tuple, places(fitted(*both), *both))}) == 1
    assert len({*map(tuple, places(fitted(*both, normalise="none"), *both))}) == 2
    assert len({*map(tuple, places(fitted("ﬁ", normalise="nfkc"), "ﬁ", "fi"))}) == 1


@pytest.mark.parametrize("sentence", SENTENCES)
def test_usual_sentences_are_put_together_as_they_were(sentence: str) -> None:
    said = unicodedata.normalize("NFC", sentence).replace("👩\u200d👩\u200d👧", "👩")
    assert back(fitted(said), said) == [said]


def test_words_that_join_are_read_as_two() -> None:
    """`'` and `s` are not put together as the ending 's."""
    assert joined(["it", "'s"]) == "it's"
    assert joined(["l", "'", "s"]) == "l ' s"
    assert joined(["3", ".", "5"]) == "3. 5"
    assert joined(['"', "so", '"', "he", "said"]) == '"so" he said'


@pytest.mark.parametrize("tokens", ["words", "characters", "bpe"])
@given(texts=st.lists(TEXTS, min_size=1, max_size=6))
@settings(max_examples=60)
def test_what_holds_for_every_text(tokens: str, texts: list[str]) -> None:
    """Any chunks give the same places; read again, an answer has the places it was made of."""
    column = fitted(*texts, tokens=tokens, vocabulary=300)
    whole = places(column, *texts)
    assert [row for text in texts for row in places(column, text)] == whole
    plain = [text for text in texts if "\ufffd" not in text]
    assert places(column, *back(column, *plain)) == places(column, *plain) or tokens == "bpe"
    offsets = column.offsets(texts)
    assert [len(row) for row in offsets] == [len(row) for row in whole]
    for text, spans in zip(texts, offsets, strict=True):
        ends = [0, *(end for _, end in spans)]
        assert all(0 <= start < end <= len(text) for start, end in spans)
        assert ends == sorted(ends)


@given(texts=st.lists(TEXTS, min_size=1, max_size=4), lower=st.booleans())
@settings(max_examples=60)
def test_pieces_and_characters_lose_nothing(texts: list[str], lower: bool) -> None:
    form = pa.array(texts, pa.string())
    said = pa.compute.utf8_normalize(form, form="NFC")
    expected = (pa.compute.utf8_lower(said) if lower else said).to_pylist()
    pieces = fitted("the cat sat on the mat", tokens="bpe", vocabulary=270, lower=lower)
    assert back(pieces, *texts) == expected
    characters = fitted(*texts, tokens="characters", lower=lower)
    assert back(characters, *texts) == expected


@given(text=TEXTS, form=st.sampled_from(["nfc", "nfkc", "none"]), lower=st.booleans())
@settings(max_examples=80)
def test_offsets_point_at_what_was_read(text: str, form: str, lower: bool) -> None:
    """The characters between them, read by themselves, begin as the word or piece does."""
    for tokens in ("words", "bpe"):
        options = {"normalise": form, "lower": lower, "tokens": tokens, "vocabulary": 300}
        column = fitted(text, **options)
        for place, (start, end) in zip(places(column, text)[0], column.offsets([text])[0],
                                       strict=True):  # fmt: skip
            part = back(fitted(text, text[start:end], tokens="bpe", normalise=form, lower=lower),
                        text[start:end])[0]  # fmt: skip
            if tokens == "words" and place != UNKNOWN:
                assert column.words[place - TOKENS] in part
            if tokens == "bpe":
                alphabet = column._alphabet
                assert isinstance(alphabet, _pieces.Pieces)
                assert alphabet.known[place - TOKENS] in part.encode()


def test_offsets_are_of_the_raw_text() -> None:
    text = "x  cafe\u0301 Ⅷ 你好"
    column = fitted(text, normalise="nfkc")
    assert [text[a:b] for a, b in column.offsets([text])[0]] == ["x", "cafe\u0301", "Ⅷ", "你", "好"]
    assert column.offsets([""]) == [[]]


def test_long_texts_are_cut_and_that_is_told() -> None:
    heard: list[str] = []
    with listening(lambda message, *_: heard.append(message)):
        column = fitted("a b c d", "a", "b c d e f", longest=3)
    assert heard == [
        "x: 2 of the first 3 training texts are longer than 3 words; what stands beyond is not read"
    ]
    rows = rows_of("a b c d", "b c d", "", None)
    encoded = column.encode(rows)
    assert [len(row) for row in rows_in(encoded)] == [3, 3, 0, 0]
    assert len(column.offsets(["a b c d"])[0]) == 3
    found = column.strange(rows, encoded)[-1]
    assert (found.rows.tolist(), found.what) == ([0], "are longer than 3 words")


def test_several_fields_are_one_sequence() -> None:
    rows = pa.record_batch({"q": ["a b", None, None], "c": ["b", "a", None]})
    column = Text(fields=("q", "c"), at_least=1).named("both").fit([rows])
    assert column.reads == ("q", "c")
    encoded = column.encode(rows)
    assert rows_in(encoded) == [[5, 6, SEPARATOR, 6], [SEPARATOR, 5], [SEPARATOR]]
    assert encoded.present is not None and encoded.present.tolist() == [True, True, False]
    cut = Text(fields=("q", "c"), at_least=1, longest=3).named("both").fit([rows])
    assert rows_in(cut.encode(rows))[0] == [5, 6, SEPARATOR]


def test_columns_that_share_have_one_vocabulary() -> None:
    table = pa.table({"de": ["ja ja", "nein"], "en": ["yes", "no nein"]})
    columns = {name: Text(at_least=1, shares="words").named(name) for name in ("de", "en")}
    found = fit_columns(Chunks(table=table), columns, np.arange(2))
    assert found["de"].dump(learned=True)["words"] == found["en"].dump(learned=True)["words"]
    assert found["de"].port.alphabet == found["en"].port.alphabet == "words"
    assert set(found["de"].dump(learned=True)["words"]) == {"ja", "nein", "yes", "no"}


def test_pieces_join_what_comes_often_and_are_always_the_same() -> None:
    texts = ["low lower lowest", "new newer newest", "wide wider widest"] * 5
    columns = [fitted(*texts, tokens="bpe", vocabulary=264, at_least=2) for _ in range(3)]
    assert all(np.array_equal(columns[0].joins, column.joins) for column in columns)
    assert columns[0].port.size == TOKENS + 264
    assert len(places(columns[0], "lowest")[0]) < len("lowest")
    shuffled = fitted(*texts[::-1], tokens="bpe", vocabulary=264, at_least=2)
    assert np.array_equal(shuffled.joins, columns[0].joins)


def test_pieces_join_as_the_package_does_alone() -> None:
    """Our cuts at spaces and the table of joins change nothing: the same pieces as GPT-2's way."""
    import tokenizers

    texts = ["the cat sat on the mat with the hats", "a cat and the rat that sat"] * 3
    column = fitted(*texts, tokens="bpe", vocabulary=275, at_least=2)
    alphabet = column._alphabet
    assert isinstance(alphabet, _pieces.Pieces)
    alone = tokenizers.Tokenizer(tokenizers.models.BPE())
    alone.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=275, min_frequency=2, show_progress=False,
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    alone.train_from_iterator(texts, trainer)
    for text in [*texts, "that other hat"]:
        ours = [alphabet.known[place - TOKENS].decode() for place in places(column, text)[0]]
        assert ours == [token.replace("Ġ", " ") for token in alone.encode(text).tokens]


def test_damaged_joins_are_told() -> None:
    with pytest.raises(DataError, match="join \\(300, 1\\): there are 256 pieces before it"):
        _ = Text(tokens="bpe").learn(joins=np.array([[300, 1]], np.int32)).port


def test_without_tokenizers_words_are_read_and_pieces_say_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    assert fitted("a b").words == ("a", "b")
    with pytest.raises(MissingPackage, match="pip install 'sonde\\[text\\]'"):
        fitted("a b", tokens="bpe")


def test_reading_pieces_starts_no_threads_that_a_fork_would_lose() -> None:
    code = (
        "import os, pyarrow as pa\n"
        "from sonde.data.columns.text import Text\n"
        "rows = pa.record_batch({'x': ['the cat sat'] * 500})\n"
        "column = Text(tokens='bpe', vocabulary=260).named('x').fit([rows])\n"
        "column.encode(rows)\n"
        "assert len(os.listdir('/proc/self/task')) < 40\n"
        "child = os.fork()\n"
        "if not child: column.encode(rows); os._exit(0)\n"
        "assert os.waitpid(child, 0)[1] == 0\n"
        "import sys; assert 'torch' not in sys.modules\n"
    )
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "forked" not in said.stderr


def test_many_places_take_four_bytes() -> None:
    words = [f"w{at}" for at in range(70_000)]
    column = fitted(" ".join(words), vocabulary=70_000)
    assert column.encode(rows_of("w3 w69999")).values.dtype == np.int32
    assert fitted("a").encode(rows_of("a")).values.dtype == np.uint16


def test_what_no_training_row_was_like() -> None:
    column = fitted("a word or two", "so", at_least=1)
    rows = rows_of("never met", "a new one", "привет мир", "", None)
    found = {item.what: item for item in column.strange(rows, column.encode(rows))}
    assert found["hold no word that the model knows"].rows.tolist() == [0, 2]
    other = found["are written in letters that no training row had"]
    assert (other.rows.tolist(), other.examples) == ([2], ("привет мир",))
    assert found["have no value"].rows.tolist() == [4]
    pieces = fitted("a word or two", tokens="bpe")
    found = {item.what: item for item in pieces.strange(rows, pieces.encode(rows))}
    assert "are written in letters that no training row had" in found


def vectors_file(folder: Path, *lines: str, packed: bool = False) -> str:
    path, content = folder / "vectors.txt", "\n".join(lines).encode() + b"\n"
    path.write_bytes(gzip.compress(content) if packed else content)
    return str(path)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("head", [(), ("4 2",)])
def test_vectors_from_a_file(head: Sequence[str], packed: bool, tmp_path: Path) -> None:
    lines = (*head, "the 1 2", "The 3 4", "cat .5 -1e-1", "a b 7 8", "the 9 9")
    path = vectors_file(tmp_path, *lines, packed=packed)
    column = fitted("The the Cat dog a", vectors_from=path)
    heard: list[str] = []
    with listening(lambda message, *_: heard.append(message)):
        vectors = column.vectors()
    assert vectors is not None
    known = {word: vectors[place].tolist() for place, word in enumerate(column.words, TOKENS)}
    assert (known["The"], known["the"]) == ([3, 4], [1, 2])
    assert known["Cat"] == pytest.approx([0.5, -0.1])  # by its small letters
    assert np.isnan([*known["dog"], *known["a"], *vectors[:TOKENS].ravel()]).all()
    assert "knows 3 of 5 words, 2 numbers each" in heard[0]
    assert fitted("a").vectors() is None


@pytest.mark.parametrize(("lines", "message"), [
    (("the 1 2", "cat 1 x"), "line 2: got '1 x', expected 2 numbers after the word"),
    (("the 1 2", "cat 1"), "line 2: got '1', expected 2 numbers"),
    (("the 1 inf",), "line 1: got '1 inf'"),
    (("",), "line 1: got '', expected a word and its numbers"),
])  # fmt: skip
def test_broken_vectors_are_told(lines: Sequence[str], message: str, tmp_path: Path) -> None:
    column = fitted("the cat", vectors_from=vectors_file(tmp_path, *lines))
    with pytest.raises(DataError, match=message):
        column.vectors()


def test_vectors_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no such file"):
        fitted("a", vectors_from=str(tmp_path / "none.txt")).vectors()
    (tmp_path / "cut.gz").write_bytes(gzip.compress(b"the 1 2\n" * 99)[:30])
    with pytest.raises(StorageError, match="cannot be read"):
        fitted("the", vectors_from=str(tmp_path / "cut.gz")).vectors()


def test_panels_by_part() -> None:
    column = fitted("a b c", "a", longest=3)
    parts = {"train": column.encode(rows_of("a b c", "a")),
             "test": column.encode(rows_of("a z z z", "", None))}  # fmt: skip
    curves, table = column.panels(parts)
    assert isinstance(curves, Curves) and isinstance(table, Table)
    lengths, shares = curves.series["test"]
    assert dict(zip(lengths.tolist(), shares.tolist(), strict=True)) == {0: 0.5, 1: 0, 2: 0, 3: 0.5}
    assert list(table.header) == ["part", "texts", "median length", "longest", "empty", "unknown",
                                  "vocabulary met", "3 words or more"]  # fmt: skip
    assert [list(row) for row in table.rows] == [
        ["train", "2", "2", "3", "0", "0.0%", "100.0%", "1"],
        ["test", "2", "2", "3", "1", "66.7%", "33.3%", "1"],
    ]


def sure_of(*texts: str | None, times: int = 1) -> float:
    guess = Text.guess(pa.array(texts * times, pa.string()))
    return guess.confidence if guess else 0.0


def test_language_is_claimed_with_a_reason() -> None:
    guess = Text.guess(pa.array([*SENTENCES, None]))
    assert guess is not None
    assert guess.reason == "6 distinct, 28 characters, 1 missing"
    long = Text.guess(pa.array([f"{text} and so on" * 300 for text in SENTENCES]))
    assert long is not None and long.options == {"longest": 1000}
    chinese = ["我爱你们大家", "今天天气很好", "他去了北京市", "这本书很有意思", "我们明天见面吧"]
    assert sure_of(*chinese)


@pytest.mark.parametrize("texts", [
    [f"AX-{at:05d} {at}" for at in range(99)],
    [f"/home/user {at}/file {at}.txt" for at in range(99)],
    [f"{at % 28 + 1} March {1900 + at}" for at in range(99)],
    [f"https://example.org/some-page-{at}" for at in range(99)],
    [f"{at:08x} {at * 7:08x} {at * 31:08x}" for at in range(99)],
    ["tactagcaatacgcttgcgttcggtggttaagtatgtataatgcg" + "acgt"[at % 4] * at for at in range(60)],
    ["yes of course", "no not at all"] * 50,
    ["Anna Lind", "Per Holm", "Eva Berg", "Nils Ek", "Ida Dahl", "Bo Falk"],
])  # fmt: skip
def test_codes_paths_dates_and_answers_are_not_claimed(texts: list[str]) -> None:
    assert not sure_of(*texts)
