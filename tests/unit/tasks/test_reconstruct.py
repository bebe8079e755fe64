"""Rows said again: what is corrupted, what it costs, and that the bound is one."""

from __future__ import annotations

import gzip
import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from torch import Tensor, nn

import sonde
from sonde.contracts.data import Column
from sonde.contracts.task import Design, encode_all
from sonde.core.batch import Batch, as_arrays, tensor_of
from sonde.core.code import CODE, LOG_VARIANCE, NOISE
from sonde.core.errors import RecipeError, UnknownColumn, UsageError
from sonde.data.columns.category import Category
from sonde.data.columns.date import Date
from sonde.data.columns.image import Image
from sonde.data.columns.number import Number
from sonde.data.sources._idx import read_idx
from sonde.tasks import _code_panels
from sonde.tasks._corruption import Corruption
from sonde.tasks._median import median_filtered
from sonde.tasks._rebuilders import PrincipalComponents
from sonde.tasks._rebuilt import divergence
from sonde.tasks.reconstruct import Reconstruct

RNG = np.random.default_rng(0)
FIELDS: dict[str, tuple[Column, pa.Array]] = {
    "size": (Number(), pa.array(RNG.normal(3, 2, 400))),
    "gaps": (Number(), pa.array(RNG.normal(size=400), mask=RNG.random(400) < 0.2)),
    "town": (Category(), pa.array(RNG.choice(["a", "b", "c"], 400))),
    "kind": (Category(), pa.array(RNG.choice(["x", "y"], 400))),
    "image": (
        Image(),
        pa.FixedShapeTensorArray.from_numpy_ndarray(
            RNG.integers(60, 200, (400, 6, 7), dtype=np.uint8)
        ),
    ),
}


def bound(names: list[str], **options: Any) -> tuple[Reconstruct, Batch]:
    """The task over some columns, and its 400 rows."""
    rows = pa.RecordBatch.from_pydict({name: FIELDS[name][1] for name in names})
    columns = {name: FIELDS[name][0].named(name).fit([rows]) for name in names}
    task = Reconstruct.parse(options).bind(columns)
    encoded = encode_all(columns, names, rows)
    return task, {
        n: torch.from_numpy(a.astype(np.int64) if n in ("town", "kind") else a)
        for n, a in encoded.items()
    }


def draw(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("noise", ["gaussian", "salt-and-pepper", "masking"])
def test_only_inputs_are_corrupted(noise: str) -> None:
    task, batch = bound([*FIELDS], corrupt={"noise": noise, "amount": 0.3})
    before = {name: tensor_of(batch, name).clone() for name in batch}
    inputs, targets = task.arrange(batch, True, draw())
    again, _ = task.arrange(batch, True, draw())
    assert all(torch.equal(tensor_of(batch, name), before[name]) for name in batch)
    for place, name in enumerate(FIELDS):
        assert torch.equal(tensor_of(targets, f"{place}:true"), before[name])
        assert torch.equal(tensor_of(inputs, name), tensor_of(again, name))
        changed = not torch.equal(tensor_of(inputs, name).double(), before[name].double())
        assert changed == (noise != "gaussian" or name not in ("town", "kind"))
    light = tensor_of(inputs, "image")
    assert light.min() >= 0 and light.max() <= 1


@pytest.mark.parametrize("noise", ["salt-and-pepper", "masking"])
def test_the_amount_is_the_part_that_is_taken(noise: str) -> None:
    task, batch = bound(["size", "image"], corrupt={"noise": noise, "amount": 0.25})
    inputs, _ = task.arrange(batch, True, draw())
    light = tensor_of(inputs, "image")
    assert float(((light == 0) | (light == 1)).float().mean()) == pytest.approx(0.25, abs=0.02)
    white = float((light == 1).float().mean())
    assert white == pytest.approx(0.125 if noise == "salt-and-pepper" else 0.0, abs=0.015)
    kept = tensor_of(inputs, "size") == tensor_of(batch, "size")
    assert float(kept.float().mean()) == pytest.approx(0.75, abs=0.07)


def test_gaussian_noise_has_its_deviation() -> None:
    task, batch = bound(["size"], corrupt={"noise": "gaussian", "amount": 0.5})
    inputs, _ = task.arrange(batch, True, draw())
    added = tensor_of(inputs, "size") - tensor_of(batch, "size")
    assert float(added.std()) == pytest.approx(0.5, rel=0.1)


def test_masked_numbers_are_marked_and_missing_ones_stay_so() -> None:
    task, batch = bound(["gaps"], corrupt={"noise": "masking", "amount": 0.5})
    inputs, _ = task.arrange(batch, True, draw())
    before, after = tensor_of(batch, "#present:gaps"), tensor_of(inputs, "#present:gaps")
    assert not (after & ~before).any()
    assert float(after.float().sum() / before.float().sum()) == pytest.approx(0.5, abs=0.1)
    assert torch.equal(tensor_of(inputs, "gaps") != 0, after)


def test_a_missing_value_costs_nothing() -> None:
    task, batch = bound(["gaps", "size"])
    _, targets = task.arrange(batch, True, draw())
    outputs = {"gaps": torch.full((400,), 5.0), "size": tensor_of(batch, "size").clone()}
    loss = task.loss(outputs, targets)
    present = tensor_of(batch, "#present:gaps")
    assert torch.equal(loss.sums > 0, present) and (loss.weights == 1).all()


def test_cross_entropy_is_that_of_its_formula() -> None:
    task, batch = bound(["image"], objective="cross-entropy")
    _, targets = task.arrange(batch, True, draw())
    raw = torch.randn(400, 1, 6, 7, generator=draw(1))
    light, said = (tensor_of(batch, "image") / 255).double(), raw.double().sigmoid()
    wanted = -(light * said.log() + (1 - light) * (1 - said).log()).mean(dim=(1, 2, 3))
    found = task.loss({"image": raw}, targets).sums
    torch.testing.assert_close(found.double(), wanted, rtol=1e-5, atol=1e-6)


class Linear(nn.Module):
    """x = w z + b + noise, and a posterior that anyone may choose: by x, a mean and a variance."""

    def __init__(self, slope: float, shift: float, gain: float, variance: float) -> None:
        super().__init__()
        self.slope, self.shift, self.gain = slope, shift, gain
        self.variance = nn.Parameter(torch.tensor(variance))

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        if CODE in batch:
            code, found = tensor_of(batch, CODE), {}
        else:
            mean = self.gain * (tensor_of(batch, "size")[:, None] - self.shift)
            spread = self.variance.log().expand(mean.shape)
            noise = tensor_of(batch, NOISE) if NOISE in batch else torch.zeros_like(mean)
            code, found = mean + self.variance.sqrt() * noise, {CODE: mean, LOG_VARIANCE: spread}
        return found | {"size": self.slope * code[:, 0] + self.shift}


SLOPE, SHIFT, SPREAD = 0.8, -0.2, 0.5
EXACT = SLOPE**2 + SPREAD**2
"""Of the posterior N(w (x - b) / EXACT, SPREAD^2 / EXACT)."""


def integrated(values: np.ndarray) -> np.ndarray:
    """(N,) log of the integral of p(x | z) p(z) over z, by the trapezium rule."""
    z = np.linspace(-12, 12, 20_001)
    gap = (values[:, None] - SLOPE * z - SHIFT) / SPREAD
    density = np.exp(-(gap**2 + z**2) / 2) / (2 * np.pi * SPREAD)
    return np.log(np.trapezoid(density, z, axis=1))


def bounds(network: nn.Module) -> tuple[np.ndarray, np.ndarray]:
    """(N,) the bound by the loss, its expectation exact by Gauss-Hermite nodes; and the truth."""
    task, batch = bound(["size"], code=1, beta=1.0, spread=SPREAD)
    inputs, targets = task.arrange(batch, True, draw())
    nodes, weights = np.polynomial.hermite_e.hermegauss(3)  # the loss is quadratic in the noise
    total = torch.zeros(400)
    for node, weight in zip(nodes, weights / math.sqrt(2 * math.pi), strict=True):
        noise = torch.full((400, 1), float(node))
        total += float(weight) * task.loss(network({**inputs, NOISE: noise}), targets).sums
    return -total.detach().numpy(), integrated(tensor_of(batch, "size").numpy())


def test_the_bound_is_the_likelihood_where_the_posterior_is_exact() -> None:
    found, exact = bounds(Linear(SLOPE, SHIFT, SLOPE / EXACT, SPREAD**2 / EXACT))
    np.testing.assert_allclose(found, exact, atol=2e-5)


@pytest.mark.parametrize(("gain", "variance"), [(0.3, 0.28), (0.9, 0.1), (0.0, 1.0), (0.9, 0.9)])
def test_the_bound_is_below_the_likelihood_elsewhere(gain: float, variance: float) -> None:
    found, exact = bounds(Linear(SLOPE, SHIFT, gain, variance))
    assert (found <= exact + 2e-5).all()
    assert (exact - found).mean() > 0.01


def test_the_bound_of_several_draws_comes_near_its_expectation() -> None:
    network = Linear(SLOPE, SHIFT, 0.6, 0.4)
    task, batch = bound(["size"], code=1, beta=1.0, spread=SPREAD)
    options = task.Options(draws=2_000)
    with torch.no_grad():
        found = as_arrays(task.predict(network, dict(batch), options))["bound"]
    assert found.mean() == pytest.approx(bounds(network)[0].mean(), abs=0.02)


def test_the_divergence_is_that_of_the_integral() -> None:
    x = np.linspace(-15, 15, 60_001)
    for mean, variance in [(0.0, 1.0), (1.3, 0.2), (-0.5, 2.5)]:
        log_q = -((x - mean) ** 2) / variance / 2 - math.log(2 * math.pi * variance) / 2
        log_p = -(x**2) / 2 - math.log(2 * math.pi) / 2
        wanted = np.trapezoid(np.exp(log_q) * (log_q - log_p), x)
        found = divergence(torch.tensor([[mean]]), torch.tensor([[math.log(variance)]]))
        assert float(found) == pytest.approx(wanted, abs=1e-5)


def test_a_larger_beta_weighs_the_divergence() -> None:
    network = Linear(SLOPE, SHIFT, 0.6, 0.4)
    sums = []
    for beta in (0.0, 1.0, 4.0):
        task, batch = bound(["size"], code=1, beta=beta)
        inputs, targets = task.arrange(batch, True, draw())
        sums.append(task.loss(network(inputs), targets).sums)
    torch.testing.assert_close(sums[2] - sums[0], 4 * (sums[1] - sums[0]))


def test_rows_are_drawn_from_a_seed_and_go_through_the_classes() -> None:
    from sonde.nets.models.autoencoder import Autoencoder

    task, _ = bound(["size", "town", "kind"], code=2, beta=1.0, condition=["kind"])
    torch.manual_seed(0)
    network = Autoencoder().build(task.inputs, task.outputs).eval()

    def rows(**options: int) -> list[dict[str, Any]]:
        found = task.predict(network, {}, task.Options(**options))
        return task.answer(as_arrays(found))

    first = rows(count=6, seed=1)
    assert [row["kind"] for row in first] == ["x", "y"] * 3
    assert set(first[0]) == {"kind", "size", "town", "code"}
    assert first == rows(count=6, seed=1) != rows(count=6, seed=2)


def test_a_plain_autoencoder_draws_rows_once_it_knows_how_codes_are_distributed() -> None:
    from sonde.nets.models.autoencoder import Autoencoder

    task, batch = bound(["size"], code=2, mixture=3)
    assert task.settles and not task.draws
    torch.manual_seed(0)
    network = Autoencoder().build(task.inputs, task.outputs).eval()
    with torch.no_grad():
        outputs = as_arrays(network(dict(batch)))
        settled = task.settle(outputs, {})
        assert settled.draws
        found = as_arrays(settled.predict(network, {}, settled.Options(count=500, seed=2)))
    real, drawn = outputs[CODE].reshape(-1, 2), found["code"]
    np.testing.assert_allclose(drawn.mean(axis=0), real.mean(axis=0), atol=0.2)
    np.testing.assert_allclose(drawn.std(axis=0), real.std(axis=0), rtol=0.2)


def test_an_answer_holds_what_was_asked_for() -> None:
    from sonde.nets.models.autoencoder import Autoencoder

    task, batch = bound(["size", "town", "image"], code=2)
    torch.manual_seed(0)
    network = Autoencoder().build(task.inputs, task.outputs).eval()
    asked = {"code": {"code"}, "anomaly": {"anomaly"}, "reconstruction": {"size", "town", "image"}}
    for give, names in asked.items():
        found = task.predict(network, dict(batch), task.Options.parse({"give": give}))
        answers = task.answer(as_arrays(found))
        assert len(answers) == 400 and set(answers[0]) == names
    picture = np.array(answers[0]["image"])
    assert picture.shape == (6, 7) and picture.max() <= 255


def test_anomalous_rows_do_not_teach() -> None:
    task, batch = bound(["size", "kind"], label="kind", anomalous="y")
    _, targets = task.arrange(batch, True, draw())
    loss = task.loss({"size": torch.zeros(400)}, targets)
    odd = tensor_of(batch, "kind") == 1
    assert torch.equal(loss.weights == 0, odd) and (loss.sums[odd] == 0).all()
    assert "kind" not in task.inputs
    assert task.targets == ("kind",) and bound(["size", "kind"], label="kind")[0].targets == ()


def test_principal_components_are_those_of_scikit_learn() -> None:
    from sklearn.decomposition import PCA

    task, _ = bound(["size", "gaps"])
    numbers = RNG.normal(size=(50, 2)).astype(np.float32) @ [[1, 0.5], [0.5, 2]]
    design = Design(numbers.astype(np.float32), np.zeros(2, bool), {})
    found = PrincipalComponents(task._parts, ["size", "gaps"], width=1)(design, design, 0)
    own = PCA(1).fit(numbers)
    wanted = own.inverse_transform(own.transform(numbers))
    said = np.stack([found["0:said"], found["1:said"]], axis=1)
    np.testing.assert_allclose(said, wanted, atol=1e-5)


def test_codes_are_shown_by_their_principal_components() -> None:
    from sklearn.decomposition import PCA

    codes = RNG.normal(size=(80, 4)) @ RNG.normal(size=(4, 4))
    found, part = _code_panels.in_two_dimensions(codes)
    own = PCA(2).fit(codes)
    np.testing.assert_allclose(np.abs(found), np.abs(own.transform(codes)), atol=1e-8)
    assert part == pytest.approx(own.explained_variance_ratio_.sum())


def test_the_median_filter_is_that_of_scipy() -> None:
    from scipy.ndimage import median_filter

    pictures = RNG.random((3, 2, 5, 6)).astype(np.float32)
    wanted = median_filter(pictures, size=(1, 1, 3, 3), mode="nearest")
    np.testing.assert_array_equal(median_filtered(pictures), wanted)


def test_mistakes_are_told() -> None:
    with pytest.raises(RecipeError, match="needs a width"):
        Reconstruct.parse({"beta": 1})
    with pytest.raises(RecipeError, match="of which label"):
        Reconstruct.parse({"anomalous": "y"})
    with pytest.raises(RecipeError, match="up to 1"):
        Corruption.parse({"noise": "masking", "amount": 2})
    with pytest.raises(UnknownColumn, match="'knd'"):
        bound(["size", "kind"], condition=["knd"])
    with pytest.raises(UsageError, match="class 'z'"):
        bound(["size", "kind"], label="kind", anomalous="z")
    with pytest.raises(UsageError, match="leave some to be rebuilt"):
        bound(["kind"], condition=["kind"])
    date = Date().named("day").fit([pa.RecordBatch.from_pydict({"day": ["2020-01-02"] * 3})])
    with pytest.raises(UsageError, match="'day' is of kind 'date'"):
        Reconstruct().bind({"day": date})


def test_denoising_beats_leaving_digits_as_they_are(shared_data: Path, tmp_path: Path) -> None:
    with gzip.open(shared_data / "mnist" / "t10k-images-idx3-ubyte.gz") as file:
        digits = read_idx("digits", file)[:900]
    run = sonde.fit(
        {
            "columns": {"image": "image"},
            "split": {"kind": "random", "valid": 0.1, "test": 0.2},
            "task": {
                "kind": "reconstruct",
                "corrupt": {"noise": "gaussian", "amount": 0.3},
                "objective": "cross-entropy",
            },
            "model": {"kind": "autoencoder", "channels": [16, 8]},
            "paradigm": {
                "kind": "supervised",
                "optimizer": {"kind": "adam", "learning_rate": 0.003},
                "batch_size": 16,
                "budget": {"epochs": 4},
            },
        },
        {"image": digits},
        run_dir=tmp_path / "run",
    )
    gain = run.scores["psnr over the input"]
    assert gain.low is not None and gain.low > 2
    assert "Rebuilt worst" in run.report.read_text(encoding="utf-8")


def test_pictures_begin_at_the_mean_brightness_of_each_channel(tmp_path: Path) -> None:
    """From grey a sigmoid under squared error may go black, where no gradient brings it back."""
    night = RNG.integers(0, 40, (60, 8, 8, 3), dtype=np.uint8) + np.uint8([0, 100, 10])
    run = sonde.fit(
        {
            "columns": {"image": "image"},
            "split": {"kind": "random", "valid": 0.1, "test": 0.2},
            "task": {"kind": "reconstruct"},
            "model": {"kind": "autoencoder", "channels": [4]},
            "paradigm": {
                "kind": "supervised",
                "optimizer": {"kind": "adam", "learning_rate": 1e-9},
                "budget": {"epochs": 1},
            },
        },
        {"image": night},
        run_dir=tmp_path / "run",
    )
    said = np.stack([row["image"] for row in run.bundle.predict([{"image": n} for n in night])])
    off = said.mean(axis=(0, 1, 2)) - night.mean(axis=(0, 1, 2))
    assert np.abs(off).max() < 25  # the last weights are as random as at any start


def test_folds_that_know_different_classes_are_judged_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    town = np.array(["a", "b"])[RNG.integers(0, 2, 120)].astype(object)
    town[7] = "only once"
    runs = sonde.cross_validate(
        {
            "columns": {"x": "number", "town": "category"},
            "split": {"kind": "kfold", "num_folds": 3, "valid": 0.1},
            "task": {"kind": "reconstruct", "code": 1},
            "model": {"kind": "autoencoder", "hidden": [4]},
            "paradigm": {"kind": "supervised", "budget": {"epochs": 2}},
        },
        {"x": RNG.normal(size=120), "town": town.astype(str)},
        refit=False,
    )
    assert runs.scores["error"].rows == 120
    assert 0 < float(runs.scores["town accuracy"]) < 1


def test_an_autoencoder_finds_rows_that_break_the_rule(tmp_path: Path) -> None:
    """Usual rows lie on a curve; odd ones hold its values in another order."""
    angle = RNG.uniform(0, 2 * np.pi, 700)
    odd = RNG.random(700) < 0.1
    other = np.where(odd, RNG.permutation(angle), angle)
    data = {"x": np.cos(angle), "y": np.sin(other), "state": np.where(odd, "odd", "usual")}
    run = sonde.fit(
        {
            "columns": {"x": "number", "y": "number", "state": "category"},
            "split": {"kind": "stratified", "by": "state", "valid": 0.1, "test": 0.3},
            "task": {"kind": "reconstruct", "code": 1, "label": "state", "anomalous": "odd"},
            "model": {"kind": "autoencoder", "hidden": [32, 32]},
            "paradigm": {
                "kind": "supervised",
                "optimizer": {"kind": "adam", "learning_rate": 0.01},
                "batch_size": 32,
                "budget": {"epochs": 25},
            },
        },
        data,
        run_dir=tmp_path / "run",
    )
    assert float(run.scores["anomaly auc"]) > 0.8
    assert set(run.bundle.predict([{"x": 0.0, "y": 1.0}], give="anomaly")[0]) == {"anomaly"}
