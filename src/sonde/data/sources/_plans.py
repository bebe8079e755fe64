"""What recipes say of texts whose form tells what is to be learned, and tables that hold such."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

_WORDS = ("tokens", "words")
_ANSWERS, _STARTS = "answers.text", "answers.answer_start"


def labelled_words(tokens: str, labels: str) -> dict[str, Any]:
    """A label for each word: how a word is written and ends helps where it is unknown."""
    return {
        "columns": {
            tokens: "tokens",
            "shapes": {"kind": "tokens", "field": tokens, "of": "shapes", "at_least": 1},
            "endings": {"kind": "tokens", "field": tokens, "of": "endings"},
            labels: {"kind": "labels", "along": tokens},
        },
        "task": {"kind": "tag", "target": labels},
    }


def questions(answers: str, starts: str, *, parted: bool) -> dict[str, Any]:
    """Answers are found in contexts; questions about one context stay on one side.

    Args:
        answers: the field of their texts.
        starts: that of where they start.
        parted: whether the rows come in parts.
    """
    words = {"kind": "text", "shares": "words", "lower": True}
    found = {"kind": "span", "start": starts, "within": "context"}
    return {
        **({} if parted else {"split": {"kind": "group", "by": "context"}}),
        "columns": {"question": words, "context": words, answers: found},
        "task": {"kind": "answer", "target": answers},
    }


def plan_of(
    types: Mapping[str, pa.DataType], target: str | None, *, parted: bool
) -> dict[str, Any]:
    """The plan of a table in a form that Hugging Face's sets of texts have; else nothing.

    SQuAD's (question, context, answers.text, answers.answer_start), or words and their labels in
    lists of equal length (tokens, ner_tags).

    Args:
        types: of its fields.
        target: the column that was asked for, where one was.
        parted: whether the rows come in parts.
    """
    lists = {name: kind.value_type for name, kind in types.items() if pa.types.is_list(kind)}
    if types.keys() >= {"question", "context"} and lists.keys() >= {_ANSWERS, _STARTS}:
        return questions(_ANSWERS, _STARTS, parted=parted)
    tokens = next((name for name in _WORDS if pa.types.is_string(lists.get(name, pa.null()))), None)
    labels = [
        name
        for name, kind in lists.items()
        if name != tokens and (pa.types.is_string(kind) or pa.types.is_integer(kind))
    ]
    chosen = [name for name in labels if target in (None, name)]
    return labelled_words(tokens, chosen[0]) if tokens and len(chosen) == 1 else {}
