"""What a model finds in pictures, drawn onto one sheet in `docs/vision/`.

    python -m bench.vision lanes runs/lanes/model.sonde photographs/*.jpg

Without pictures it draws the rows that were sealed with the model: some of its validation rows.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence

import numpy as np
from PIL import Image

import sonde
from bench._row import ROOT
from sonde.core.picture import sheet
from sonde.data.rows import from_jsonable

PLACE = ROOT / "docs" / "vision"
_SIDE, _ACROSS, _MOST = 480, 2, 6
_BYTES = 150_000


def main(name: str, model: str, *paths: str) -> None:
    """Draw the answers to some pictures."""
    bundle = sonde.Bundle.load(model)
    (field, *others) = bundle.task.given
    assert not others or not paths, f"a row needs {bundle.task.given}, not one picture"
    rows = [{field: path} for path in paths] or from_jsonable(bundle.golden.rows[:_MOST])
    drawn: list[np.ndarray] = []
    for chunk, answers in bundle.predicting(rows, batch_size=1):
        assert chunk is not None, "there are rows"
        drawn += [_smaller(picture) for picture in bundle.task.pictured(answers, chunk)]
    PLACE.mkdir(exist_ok=True)
    path = PLACE / f"{name}.jpg"
    path.write_bytes(_jpeg(sheet(drawn, min(_ACROSS, len(drawn)))))
    print(f"{len(drawn)} pictures in {path.relative_to(ROOT)}, {path.stat().st_size:,} bytes")


def _smaller(picture: np.ndarray) -> np.ndarray:
    """At most so many pixels wide."""
    height, width = picture.shape[:2]
    if width <= _SIDE:
        return picture
    size = (_SIDE, round(height * _SIDE / width))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))


def _jpeg(picture: np.ndarray) -> bytes:
    """As good as fits into the bytes a page can afford."""
    for quality in range(92, 30, -4):
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "JPEG", quality=quality, optimize=True)
        if buffer.tell() <= _BYTES:
            break
    return buffer.getvalue()


def _asked(arguments: Sequence[str]) -> None:
    if len(arguments) < 2:
        sys.exit("expected a name and a model: python -m bench.vision lanes runs/lanes/model.sonde")
    main(*arguments)


if __name__ == "__main__":
    _asked(sys.argv[1:])
