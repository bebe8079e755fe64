"""Sentences about appointments with a label for each word, written into `examples/data/`.

    python examples/make_appointments.py

Who, where and when are marked as B-, I-, O. A third of the people and towns of the test sentences
stand in no training sentence: what surrounds a word, its shape and its ending must tell. Everything
follows from one seed, so the files are the same on every machine.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np


def _words(text: str) -> list[str]:
    return text.split()


SENTENCES = {"train": 500, "valid": 100, "test": 200}
FIRST = _words("""
    Anna Otto Mira Paul Ines Karl Rosa Emil Lena Hugo Clara Ivan Nora Felix Greta Jonas Edith Bruno
    Tilda Oskar Selma Viktor Judith Anton
""")
LAST = _words("""
    Berger Castell Dorn Eklund Falk Grimaldi Holm Ivanova Janssen Keller Lindgren Moretti Novak
    Olsen Petrov Quist Rossi Sandberg Torres Ulrich
""")
TOWNS = _words("""
    Rome Oslo Bern Lyon Cork York Ghent Porto Malmo Turin Basel Brno Graz Lund Nantes Padua Riga
    Seville Tartu Utrecht Vilnius Zagreb
""")
DAYS = _words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
PLANS = (
    "{who} meets {who} in {where} on {when} .",
    "On {when} {who} will be in {where} .",
    "Please tell {who} that the train to {where} leaves at {when} .",
    "{who} and {who} are away until {when} .",
    "The office in {where} is closed on {when} .",
    "Nobody may call before {when} , said {who} .",
    "May we meet in {where} ? asked {who} .",
)
"""Capitals stand at the beginnings of sentences too."""
KNOWN = 2 / 3


def main() -> None:
    """Write appointments-train.conll and the two others."""
    folder = Path(__file__).parent / "data"
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    for part, count in SENTENCES.items():
        lines = [line for _ in range(count) for line in _sentence(rng, part)]
        path = folder / f"appointments-{part}.conll"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _sentence(rng: np.random.Generator, part: str) -> list[str]:
    plan = PLANS[rng.integers(len(PLANS))]
    lines: list[str] = []
    for word in plan.split():
        if not word.startswith("{"):
            lines.append(f"{word} O")
            continue
        kind = {"{who}": "PERSON", "{where}": "PLACE", "{when}": "TIME"}[word]
        words = _filled(rng, kind, known=part == "train" or rng.random() < KNOWN)
        lines += [f"{said} {'I' if at else 'B'}-{kind}" for at, said in enumerate(words)]
    return [*lines, ""]


def _filled(rng: np.random.Generator, kind: str, *, known: bool) -> list[str]:
    def one(words: list[str]) -> str:
        cut = round(len(words) * KNOWN)
        some = words[:cut] if known else words[cut:]
        return str(rng.choice(some))

    if kind == "PERSON":
        return [one(FIRST), one(LAST)] if rng.random() < 0.6 else [one(FIRST)]
    if kind == "PLACE":
        return ["New", one(TOWNS)] if rng.random() < 0.2 else [one(TOWNS)]
    hour = f"{rng.integers(7, 20)}:{rng.integers(6)}0"
    day = [str(rng.choice(DAYS))] if rng.random() < 0.6 else [str(rng.integers(1, 29)), "March"]
    return [hour] if rng.random() < 0.3 else day


if __name__ == "__main__":
    main()
