"""A photograph of 20 megapixels is restored at full size, in a process whose memory is measured."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from PIL import Image

import sonde
from sonde.run.golden import Golden

HEIGHT, WIDTH = 3648, 5472
MOST = 320
"""MiB that answering takes beyond what the process holds with the model opened: the picture and its
answer are 57 each; the answers to tiles as floats, and the network's own values, a few tiles'."""

CHILD = """
import re, sys
from pathlib import Path
import numpy as np
from PIL import Image
from sonde.run.bundle import Bundle

def peak():  # of this process alone, in KiB; getrusage begins with its parent's
    return int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])

bundle = Bundle.load(sys.argv[1])
before = peak()
(answer,) = bundle.predict([{"image": sys.argv[2]}], overlap=4)
after = peak()
clean, found = (np.asarray(p) for p in (Image.open(sys.argv[2]), answer["image"]))
print(*found.shape, (found != clean).sum(), before, after)
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network on tiles of 128 x 128."""
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (10, 128, 128, 3), dtype=np.uint8)
    run = sonde.fit(
        {
            "columns": {"image": "image"},
            "split": {"kind": "random", "valid": 0.2, "test": 0.2},
            "task": {"kind": "restore", "target": "image", "damage": {"gaussian": 0.1}},
            "model": {"kind": "unet", "channels": [2, 2], "stride": 4, "norm": "none"},
            "paradigm": {"kind": "supervised", "budget": {"steps": 1}},
        },
        pa.table({"image": pa.FixedShapeTensorArray.from_numpy_ndarray(pictures)}),
        run_dir=tmp_path_factory.mktemp("large") / "run",
        judge=False,
    )
    with torch.no_grad():
        for weight in run.bundle.network.parameters():
            weight.zero_()  # nothing is added, so that the answer is known
    path = run.directory.path / "same.sonde"
    replace(run.bundle, golden=Golden()).save(path)
    return path


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc for its memory")
def test_twenty_megapixels_are_answered_in_bounded_memory(model: Path, tmp_path: Path) -> None:
    shades = np.add.outer(np.arange(HEIGHT), np.arange(WIDTH)).astype(np.uint8)
    photo = np.stack([shades, shades // 2, 255 - shades], axis=2)
    Image.fromarray(photo).save(tmp_path / "photo.jpg", quality=80)
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(model), str(tmp_path / "photo.jpg")],
        capture_output=True, text=True, env=environment, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    height, width, planes, changed, before, after = map(float, done.stdout.split())
    assert (height, width, planes) == (HEIGHT, WIDTH, 3)
    assert changed == 0
    assert (after - before) / 1024 < MOST
