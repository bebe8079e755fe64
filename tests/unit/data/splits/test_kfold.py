from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pytest

from sonde.core.errors import DataError
from sonde.data.splits.kfold import KFold


@dataclass
class Labels:
    values: np.ndarray

    @property
    def count(self) -> int:
        return len(self.values)

    def field(self, name: str) -> pa.ChunkedArray:
        assert name == "label"
        return pa.chunked_array([pa.array(self.values)])


@pytest.mark.parametrize("count", [10, 101, 569])
def test_every_row_is_tested_once_in_parts_of_even_size(count: int) -> None:
    folds = list(KFold(num_folds=10, valid=0.0).folds(Labels(np.zeros(count, int))))
    tests = [made.test for made in folds]
    assert np.array_equal(np.sort(np.concatenate(tests)), np.arange(count))
    sizes = [len(test) for test in tests]
    assert max(sizes) - min(sizes) <= 1


def test_folds_keep_the_proportion_of_labels() -> None:
    labels = np.repeat([0, 1], [357, 212])
    for made in KFold(valid=0.1, stratify="label").folds(Labels(labels)):
        assert 21 <= labels[made.test].sum() <= 22
        assert abs(labels[made.valid].mean() - 212 / 569) < 0.02
        assert len(made.valid) == round(0.1 * (569 - len(made.test)))


def test_a_smaller_number_of_rows_than_folds_is_refused() -> None:
    with pytest.raises(DataError, match=r"9 rows cannot be divided into 10 folds.*at most 9"):
        list(KFold().folds(Labels(np.zeros(9, int))))
