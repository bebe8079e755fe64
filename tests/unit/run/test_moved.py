"""What augmentation may move: inputs, and targets that lie in an input's frame."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from sonde.contracts.data import Column
from sonde.contracts.task import Task
from sonde.data.columns.category import Category
from sonde.data.columns.image import Image
from sonde.data.columns.mask import Mask
from sonde.run.context import _moved
from sonde.tasks.classification import Classification
from sonde.tasks.restore import Restore


def fitted(columns: dict[str, Column]) -> dict[str, Column]:
    grey = pa.FixedShapeTensorArray.from_numpy_ndarray(
        np.arange(128, dtype=np.uint8).reshape(2, 8, 8) % 4
    )
    rows = pa.record_batch({name: grey for name in columns if name != "label"}
                           | {"label": pa.array(["a", "b"])})  # fmt: skip
    named = {name: column.named(name) for name, column in columns.items()}
    named = {name: column.beside(named) for name, column in named.items()}
    learned = {name: column.fit([rows]) for name, column in named.items()}
    return {name: column.beside(learned) for name, column in learned.items()}


def moved(task: Task, columns: dict[str, Column]) -> dict[str, str | None]:
    ports = {name: column.port for name, column in columns.items()}
    return {name: port.frame for name, port in _moved(task.bind(columns), ports).items()}


def test_a_clean_picture_moves_with_the_noisy_one() -> None:
    columns = fitted({"noisy": Image(), "clean": Image()})
    task = Restore(target="clean", source="noisy")
    assert moved(task, columns) == {"noisy": "noisy", "clean": "noisy"}


def test_a_mask_moves_with_its_picture_and_a_label_stays() -> None:
    columns = fitted({"image": Image(), "mask": Mask(), "label": Category()})
    task = Classification(target="label")
    assert moved(task, columns) == {"image": "image", "mask": "image"}
