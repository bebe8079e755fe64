"""`sonde demo`: the whole way in a minute, on scikit-learn's handwritten digits."""

from __future__ import annotations

import sys
from pathlib import Path

from sonde.app.commands.train import summary, verdict
from sonde.app.output import emit

_RECIPE = """\
# 1,797 handwritten digits, 8x8 pixels, a folder per digit.
source: {{kind: folder, path: {folder}}}
task: {{kind: classification, target: label}}
model: {{kind: convnet, stages: [32, 64], dense: [128], padding: same}}
augment:
- {{kind: shift, most: 1}}
paradigm:
  kind: supervised
  optimizer: {{kind: adamw, learning_rate: 0.003}}
  schedule: one-cycle
  budget: {{epochs: 20}}
  batch_size: 64
seed: 0
"""


def demo(folder: str = "runs/demo", /, *, json: bool = False) -> None:
    """Train, judge, seal and ask a small convolutional net, and print where everything is.

    Parameters
    ----------
    folder
        Where pictures, recipe and run go.
    json
        Print one JSON object on stdout.
    """
    from sonde.run.bundle import Bundle
    from sonde.workflow.fit import fit

    home = Path(folder)
    asked = _draw(home / "digits", home / "seven.png")
    recipe = home / "recipe.yaml"
    recipe.write_text(_RECIPE.format(folder=home / "digits"), encoding="utf-8")
    print(f"pictures   {home / 'digits'}\nrecipe     {recipe}", file=sys.stderr)
    run = fit(recipe, run_dir=home / "run")
    answer = Bundle.load(run.directory.model).predict([{"image": str(asked)}])[0]
    if json:
        emit(summary(run) | {"asked": str(asked), "answer": answer})
        return
    print(verdict(run))
    print(f"asked      {asked}   ->   {answer}")
    print(f"           sonde predict {run.directory.model} {asked}")
    print(f"           sonde train {recipe} --epochs 40")


def _draw(folder: Path, asked: Path) -> Path:
    """Write every digit as a PNG into a folder per class, and one more to ask about."""
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    pixels = (digits.images / 16 * 255).round().astype("uint8")
    for number, (picture, label) in enumerate(zip(pixels, digits.target, strict=True)):
        place = folder / str(label) / f"{number:04d}.png"
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(place)
    seven = pixels[digits.target == 7].mean(axis=0).astype("uint8")  # no picture among them is it
    Image.fromarray(seven).save(asked)
    return asked
