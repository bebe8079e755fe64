"""What each objective of a regression asks for, and how its answers are written."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from sonde.contracts.task import Design, Judged
from sonde.core.batch import as_arrays, tensor_of
from sonde.core.errors import DataError, RecipeError, UsageError
from sonde.core.port import PRESENT, Port
from sonde.data.columns.number import Number
from sonde.tasks.regression import Regression


def column(values: np.ndarray, **options: Any) -> Number:
    return Number(**options).named("sold").fit([pa.record_batch({"sold": pa.array(values)})])


def task(values: np.ndarray, scale: str = "standard", **options: Any) -> Regression:
    return Regression(target="sold", **options).bind({"sold": column(values, scale=scale)})


def encoded(made: Regression, values: np.ndarray) -> torch.Tensor:
    batch = pa.record_batch({"sold": pa.array(values)})
    return torch.from_numpy(made.columns["sold"].encode(batch).values)


def best_constant(made: Regression, values: np.ndarray) -> np.ndarray:
    """What one answer for all rows comes to, in the caller's unit, when only the loss leads."""
    shape = made.outputs["sold"].shape
    raw = torch.zeros(1, *shape, requires_grad=True)
    target = {"sold": encoded(made, values)}
    optimizer = torch.optim.Adam([raw], lr=0.05)
    for step in range(1500):
        optimizer.param_groups[0]["lr"] = 0.05 * (1 - step / 1500)
        optimizer.zero_grad()
        said = {"sold": raw.expand(len(values), *shape)}
        made.loss(said, target).sums.mean().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    read = as_arrays(made.read({"sold": raw.detach()}, made.Options()))
    found = made.predicted(read)
    return np.concatenate([found[name] for name in found if name != "value"] or [found["value"]])


COUNTS = np.random.default_rng(0).poisson(3.0, 999).astype(float)
SKEWED = np.exp(np.random.default_rng(1).normal(2.0, 1.0, 999))


def weighted_median(values: np.ndarray) -> float:
    """The answer of least mean |answer - value| / value, by trying each value."""
    tried = np.unique(values)
    return float(tried[np.argmin([np.mean(np.abs(one - values) / values) for one in tried])])


@pytest.mark.parametrize(
    ("options", "values", "wanted"),
    [
        ({}, SKEWED, SKEWED.mean()),
        ({"objective": "absolute"}, SKEWED, np.median(SKEWED)),
        ({"objective": "huber", "delta": 1e-2}, SKEWED, np.median(SKEWED)),
        ({"objective": "huber", "delta": 1e3}, SKEWED, SKEWED.mean()),
        ({"objective": "quantile", "quantiles": (0.8,)}, SKEWED, np.quantile(SKEWED, 0.8)),
        ({"objective": "quantile"}, SKEWED, np.quantile(SKEWED, (0.1, 0.5, 0.9))),
        ({"objective": "poisson"}, COUNTS, COUNTS.mean()),
        ({"objective": "relative"}, SKEWED, weighted_median(SKEWED)),
        ({"objective": "relative", "scale": "log"}, SKEWED, weighted_median(SKEWED)),
        ({"objective": "relative"}, COUNTS, weighted_median(COUNTS[COUNTS > 0])),
    ],
    ids=str,
)
def test_the_loss_asks_for_what_it_says(options: dict, values: np.ndarray, wanted: Any) -> None:
    np.testing.assert_allclose(best_constant(task(values, **options), values), wanted, rtol=0.03)


def test_a_poisson_network_begins_at_the_mean_and_answers_counts() -> None:
    made = task(COUNTS, objective="poisson")
    assert made.outputs == {"sold": Port("scalar")}
    raw = {"sold": torch.tensor([0.0, np.log(2.0), -50.0, 500.0])}
    read = as_arrays(made.read(raw, made.Options()))
    said = [answer["sold"] for answer in made.answer(read)]
    assert said[:3] == pytest.approx([COUNTS.mean(), 2 * COUNTS.mean(), 0.0], abs=1e-5)
    assert said[2] >= 0 and np.isfinite(said[3])


def test_the_poisson_loss_is_the_likelihood() -> None:
    """Differences of losses are differences of log likelihoods, over the mean."""
    from scipy.stats import poisson

    made = task(COUNTS, objective="poisson")
    true = np.array([0.0, 1.0, 7.0])
    rates = np.array([[0.5, 2.0, 6.0], [1.0, 3.0, 9.0]])
    losses = [
        made.loss(
            {"sold": torch.from_numpy(np.log(rate / COUNTS.mean())).float()},
            {"sold": encoded(made, true)},
        ).sums.numpy()
        for rate in rates
    ]
    wanted = (poisson.logpmf(true, rates[0]) - poisson.logpmf(true, rates[1])) / COUNTS.mean()
    np.testing.assert_allclose(losses[1] - losses[0], wanted, rtol=1e-4, atol=1e-5)


def test_a_count_below_zero_stops_instead_of_running_away() -> None:
    made = task(COUNTS, objective="poisson")
    loss = made.loss({"sold": torch.zeros(2)}, {"sold": encoded(made, np.array([-1.0, 0.0]))})
    assert torch.isnan(loss.sums).tolist() == [True, False]


@pytest.mark.parametrize(
    ("values", "scale", "error", "said"),
    [
        (COUNTS - 1, "standard", DataError, "has values from -1"),
        (COUNTS, "log", UsageError, "Take scale: standard"),
    ],
)
def test_what_holds_no_counts_is_refused(
    values: np.ndarray, scale: str, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        task(values, scale, objective="poisson")


def test_the_relative_loss_is_the_error_as_a_part_of_the_truth() -> None:
    for scale in ("standard", "log"):
        made = task(SKEWED - 0.5, scale, objective="relative")
        true, said = np.array([2.0, -3.0, 50.0]), np.array([3.0, -3.0, 10.0])
        loss = made.loss({"sold": encoded(made, said)}, {"sold": encoded(made, true)})
        np.testing.assert_allclose(loss.sums, np.abs(said - true) / np.abs(true), rtol=1e-3)
        assert made.main_metric == "mape"


@pytest.mark.parametrize("scale", ["standard", "log", "quantile"])
def test_a_truth_of_zero_stays_zero_through_encoding(scale: str) -> None:
    values = np.array([0.0, 1e-3, 7.0, 1234.5, 0.0, -3.0, 88.0])
    made = task(values, scale)
    [truth] = made.truth({"sold": encoded(made, values).numpy()}).values()
    assert (truth == 0).tolist() == (values == 0).tolist()


def test_a_relative_error_needs_a_scale_with_a_formula() -> None:
    with pytest.raises(UsageError, match="Take scale: log or scale: standard"):
        task(SKEWED, "quantile", objective="relative")


def test_quantiles_never_cross_and_make_an_interval() -> None:
    made = task(SKEWED, objective="quantile", quantiles=(0.05, 0.5, 0.95))
    raw = torch.tensor([[1.0, 0.0, -1.0], [-0.5, 0.2, 3.0]])
    read = as_arrays(made.read({"sold": raw}, made.Options()))
    assert read["quantiles"][0].tolist() == [-1.0, 0.0, 1.0] and read["value"][0] == 0.0
    [first, _] = made.answer(read)
    low, high = first["interval"]
    assert low < first["sold"] < high
    predicted = made.predicted(read)
    assert predicted["quantile 0.05"][0] == low
    panel = made.panels(Judged(predicted, {"value": np.array([low, high])}, np.arange(2)))[0]
    assert panel.title == "Quantiles"


def test_rows_without_a_value_are_left_out_of_every_objective() -> None:
    for made in Regression.examples():
        bound = Regression.parse(made.dump() | {"target": "sold"}).bind({"sold": column(COUNTS)})
        shape = (2, *bound.outputs["sold"].shape)
        present = torch.tensor([True, False])
        targets = {"sold": encoded(bound, COUNTS[:2]), PRESENT + "sold": present}
        loss = bound.loss({"sold": torch.ones(shape)}, targets)
        assert loss.weights.tolist() == [1, 0] and loss.sums[1] == 0
        assert tensor_of(bound.read({"sold": torch.ones(shape)}, bound.Options()), "value").shape


@pytest.mark.filterwarnings("ignore:mape leaves out")  # counts may be 0
@pytest.mark.parametrize("options", [e.dump() for e in Regression.examples()], ids=str)
def test_rivals_are_asked_for_the_same(options: dict) -> None:
    """Trees and lines that see the truth beat a constant by the main metric."""
    rng = np.random.default_rng(2)
    sizes = rng.uniform(0.2, 8.0, 400)
    values = rng.poisson(sizes).astype(float)
    made = Regression.parse(options | {"target": "sold"}).bind({"sold": column(values)})
    targets = {"sold": encoded(made, values).numpy()}
    design = Design(sizes[:, None].astype(np.float32), np.zeros(1, bool), targets)
    truth = made.truth(targets)
    metric = made.metrics()[made.main_metric]
    scores = {
        name: metric.score(made.predicted(rival(design, design, 0)), truth)
        for name, rival in made.baselines().items()
    }
    assert not metric.higher_is_better
    *others, constant = scores.values()
    assert max(others) < 0.9 * constant, scores


def test_relative_errors_are_told_only_where_no_value_is_near_zero() -> None:
    assert "mape" in task(SKEWED).metrics() and "mape" not in task(COUNTS).metrics()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"quantiles": [0.1, 0.9]}, "quantiles go with objective: quantile"),
        ({"objective": "quantile", "quantiles": [0.9, 0.1]}, "expected ascending ones"),
    ],
)
def test_options_that_contradict_are_refused(options: dict, said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        Regression.parse({"target": "sold", **options})
