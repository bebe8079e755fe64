"""Few-shot answers against loops and finite differences, and what is refused."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from sonde.contracts.data import Column
from sonde.core.errors import DataError, RecipeError, UnknownColumn, UsageError
from sonde.core.registry import registry
from sonde.tasks._episodes import named_episodes
from sonde.tasks._few_shot import adapted, as_letters, class_means, distance_logits
from sonde.tasks.few_shot import Adapt, FewShot, Support


class Doubled(nn.Module):
    """Maps x to (x, 2x): an embedding that can be followed by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([1.0, 2.0]))

    def forward(self, batch):
        return {"embedding": batch["x"][:, None] * self.weight}


def bound(**options) -> FewShot:
    """A task over a number that is left as it is, trained on the classes a and b."""
    raw = pa.record_batch({"x": [-1.0, 1.0], "label": ["a", "b"]})
    kinds = {"x": "number", "label": "category"}
    columns: dict[str, Column] = {
        name: registry("column").load(kind)().named(name).fit([raw])  # type: ignore[attr-defined]
        for name, kind in kinds.items()
    }
    return FewShot.parse({"target": "label", "width": 2} | options).bind(columns)


def test_class_means_equal_a_loop() -> None:
    draw = torch.Generator().manual_seed(0)
    rows, ways = torch.randn(20, 7, generator=draw), torch.randint(4, (20,), generator=draw)
    found = class_means(rows, ways, 4)
    for way in range(4):
        own = [rows[i] for i in range(20) if ways[i] == way]
        torch.testing.assert_close(found[way], sum(own) / len(own))


def test_logits_are_squared_distances_even_of_near_pairs() -> None:
    means = torch.tensor([[1000.0, 0.0], [1000.01, 0.0]])
    logits = distance_logits(means[:1], means)
    exact = -((means[:1].double()[:, None] - means.double()[None]) ** 2).sum(-1)
    torch.testing.assert_close(logits.double(), exact, rtol=1e-6, atol=0)
    assert logits[0, 1] < 0


def _quadratic(scale: torch.Tensor):
    """A loss with a third derivative, so that the orders differ."""
    return lambda w: (scale * w["a"] ** 4).sum() + (w["a"].prod() * w["b"]).sum()


def _outer(a: torch.Tensor, b: torch.Tensor, *, second_order: bool, steps: int) -> torch.Tensor:
    """The loss of other rows after the steps, as a function of the first weights."""
    descend = partial(adapted, rate=0.1, steps=steps, second_order=second_order)
    end = descend(_quadratic(torch.tensor([0.3, 0.2], dtype=torch.float64)), {"a": a, "b": b})
    return (end["a"].sin() * end["b"]).sum()


@pytest.mark.parametrize("steps", [1, 3])
def test_the_second_order_gradient_is_that_of_finite_differences(steps: int) -> None:
    a = torch.tensor([0.7, -0.4], dtype=torch.float64, requires_grad=True)
    b = torch.tensor([0.9], dtype=torch.float64, requires_grad=True)
    slopes = torch.autograd.grad(_outer(a, b, second_order=True, steps=steps), [a, b])
    h = 1e-6
    for at, (weight, slope) in enumerate(zip((a, b), slopes, strict=True)):
        for i in range(len(weight)):
            ends = []
            for sign in (1, -1):
                moved = [a.detach().clone(), b.detach().clone()]
                moved[at][i] += sign * h
                ends.append(float(_outer(*moved, second_order=True, steps=steps)))
            assert float(slope[i]) == pytest.approx((ends[0] - ends[1]) / (2 * h), rel=1e-7)


def test_first_order_is_the_gradient_at_the_adapted_weights() -> None:
    """Finn et al. 2017, section 5.2: the inner gradients are constants."""
    a = torch.tensor([0.7, -0.4], dtype=torch.float64, requires_grad=True)
    b = torch.tensor([0.9], dtype=torch.float64, requires_grad=True)
    first = torch.autograd.grad(_outer(a, b, second_order=False, steps=2), [a, b])
    second = torch.autograd.grad(_outer(a, b, second_order=True, steps=2), [a, b])
    assert torch.equal(
        _outer(a, b, second_order=False, steps=2), _outer(a, b, second_order=True, steps=2)
    )
    loss = _quadratic(torch.tensor([0.3, 0.2], dtype=torch.float64))
    end = adapted(loss, {"a": a.detach(), "b": b.detach()}, rate=0.1, steps=2)
    at_end = [end["a"].requires_grad_(), end["b"].requires_grad_()]
    expected = torch.autograd.grad((at_end[0].sin() * at_end[1]).sum(), at_end)
    for found, other, exact in zip(first, second, expected, strict=True):
        torch.testing.assert_close(found, exact, rtol=1e-12, atol=1e-12)
        assert (found - other).abs().max() > 1e-3


def test_a_model_that_adapts_answers_as_plain_steps_would() -> None:
    """`predict` under `no_grad` against the textbook loop with autograd."""
    task = bound(ways=2, adapt={"steps": 3, "learning_rate": 0.5})
    layer = nn.Linear(1, 2)

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = layer

        def forward(self, batch):
            return {"logits": self.layer(batch["x"][:, None])}

    support = [{"x": -0.5, "label": "c"}, {"x": 0.8, "label": "d"}, {"x": 0.9, "label": "d"}]
    with torch.no_grad():
        found = task.predict(Net(), {"x": torch.tensor([0.1, 0.6])}, Support(support=support))
    deviation = task.columns["x"].deviation  # type: ignore[attr-defined]
    x = torch.tensor([-0.5, 0.8, 0.9])[:, None] / deviation
    weight, bias = layer.weight.detach().clone(), layer.bias.detach().clone()
    for _ in range(3):
        weight.requires_grad_(), bias.requires_grad_()
        loss = cross_entropy(x @ weight.T + bias, torch.tensor([0, 1, 1]))
        slopes = torch.autograd.grad(loss, [weight, bias])
        weight, bias = ((w - 0.5 * s).detach() for w, s in zip((weight, bias), slopes, strict=True))
    expected = (torch.tensor([[0.1], [0.6]]) @ weight.T + bias).softmax(dim=1)
    torch.testing.assert_close(found["probability"], expected)


def test_answers_name_the_labels_of_the_support_set() -> None:
    task = bound()
    support = [{"x": 0.0, "label": "héron"}, {"x": 9.0, "label": "b"}, {"x": 11.0, "label": "b"}]
    with torch.no_grad():
        read = task.predict(Doubled(), {"x": torch.tensor([0.4, 9.9])}, Support(support=support))
        bare = task.predict(Doubled(), {"x": torch.tensor([0.5])}, Support())
    answers = task.answer({name: value.numpy() for name, value in read.items()})
    assert [answer["label"] for answer in answers] == ["héron", "b"]
    assert task.answer({n: v.numpy() for n, v in bare.items()}) == [{"embedding": [0.5, 1.0]}]


def test_letters_come_back() -> None:
    rows = as_letters(["", "ab", "日本"]).tolist()
    assert ["".join(map(chr, filter(None, row))) for row in rows] == ["", "ab", "日本"]


@pytest.mark.parametrize(
    ("support", "error", "message"),
    [
        ([{"x": 1.0, "label": "a"}], UsageError, "shows one class"),
        ([{"x": 1.0, "label": "a"}, {"x": 2.0}], DataError, "support row 1 has no 'label'"),
        ([{"x": 1.0}, {"x": 2.0}], DataError, "no row of the support set has 'label'"),
        ([{"x": 1.0, "labl": "a"}], UnknownColumn, "Did you mean 'label'"),
        (
            [{"x": "far", "label": "a"}, {"x": "1", "label": "b"}],
            DataError,
            "support, column 'x', row 0: got 'far', expected a number",
        ),
    ],
)
def test_support_sets_that_show_nothing_are_refused(support, error, message: str) -> None:
    with pytest.raises(error, match=message):
        bound().predict(Doubled(), {"x": torch.tensor([0.5])}, Support(support=support))


def test_an_adapting_model_wants_as_many_classes_as_it_has_ways() -> None:
    task = bound(ways=3, adapt={"steps": 1})
    support = [{"x": 0.0, "label": "a"}, {"x": 1.0, "label": "b"}]
    with pytest.raises(UsageError, match="has 2 classes, and this model adapts to 3"):
        task.predict(Doubled(), {"x": torch.tensor([0.5])}, Support(support=support))


def test_a_support_set_may_be_a_file(tmp_path: Path) -> None:
    path = tmp_path / "shown.csv"
    path.write_text("x,label\n0,low\n0.5,low\n9,high\n", encoding="utf-8")
    with torch.no_grad():
        read = bound().predict(
            Doubled(), {"x": torch.tensor([8.0])}, Support.parse({"support": str(path)})
        )
    answer = bound().answer({name: value.numpy() for name, value in read.items()})
    assert answer[0]["label"] == "high"


class Nearest:
    """A predictor that knows what every row means."""

    def __init__(self, task: FewShot) -> None:
        self.task = task
        self.asked: list[tuple[list[float], list[float]]] = []

    def arrays(self, rows: pa.RecordBatch, options: Support):
        x = torch.tensor(rows.column("x").to_pylist())
        shown = options.support.column("x").to_pylist()
        self.asked.append((shown, x.tolist()))
        plain = Support(support=options.support.to_pylist())
        with torch.no_grad():
            read = self.task.predict(Doubled(), {"x": x / self.task.columns["x"].deviation}, plain)
        return {name: value.numpy() for name, value in read.items()}


def raw_rows(**fields) -> list[pa.RecordBatch]:
    """Rows in two chunks, numbered from 100."""
    count = len(next(iter(fields.values())))
    batch = pa.record_batch({**fields, "#row": np.arange(count) + 100})
    return [batch.slice(0, count // 2), batch.slice(count // 2)]


def test_it_is_judged_on_classes_never_trained_on_and_by_episode() -> None:
    task = bound(ways=2, shots=1, queries=2, episodes=6)
    values = np.repeat([5.0, 0.0, 2.0, -3.0], 4) + np.tile([0.0, 0.1, 0.2, 0.3], 4)
    labels = np.repeat(["a", "c", "d", "e"], 4)  # a was trained on
    predictor = Nearest(task)
    with pytest.warns(match="1 classes of the test rows were trained on"):
        judged = task.judge(predictor, raw_rows(x=values, label=labels), seed=7)
    assert judged.groups is not None
    assert np.array_equal(judged.groups, np.repeat(np.arange(6), 4))
    assert (judged.predicted["index"] == judged.truth["index"]).all()
    assert (judged.rows >= 104).all()  # none of class a
    for shown, asked in predictor.asked:
        assert not set(shown) & set(asked)
    with pytest.warns(match="trained on"):
        again = task.judge(Nearest(task), raw_rows(x=values, label=labels), seed=8)
    assert np.array_equal(again.rows, judged.rows)  # another run's seed, the same episodes


def test_published_episodes_are_judged_as_they_are() -> None:
    task = bound(ways=2, published={"run": "run", "role": "role"})
    fields = {
        "x": [0.0, 9.0, 8.0, 1.0, 4.0, 5.0, 5.1],
        "label": ["1a", "1b", "1b", "1a", "2a", "2b", "2a"],
        "run": ["one"] * 4 + ["two"] * 3,
        "role": ["support", "support", "query", "query", "support", "support", "query"],
    }
    judged = task.judge(Nearest(task), raw_rows(**fields), seed=0)
    assert judged.rows.tolist() == [102, 103, 106]
    assert judged.truth["index"].tolist() == [1, 0, 0]
    assert judged.predicted["index"].tolist() == [1, 0, 1]  # 5.1 lies beside 2b
    assert judged.groups is not None and judged.groups.tolist() == [0, 0, 1]
    (table,) = task.panels(judged)
    assert table.rows[0] == ("2", "1", "0.000")


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"role": ["support", "ask"]}, DataError, "got 'ask', expected support or query"),
        ({"role": [None, "query"]}, DataError, "got None, expected support or query"),
        ({"label": ["a", "b"]}, DataError, "each of a class that is shown"),
        ({"role": ["support", "support"]}, DataError, "0 to ask about"),
        ({"role": None}, UnknownColumn, "the rows have no 'role'"),
    ],
)
def test_published_episodes_that_make_no_sense_are_refused(change, error, message: str) -> None:
    fields = {"label": ["a", "a"], "run": ["1", "1"], "role": ["support", "query"]} | change
    rows = pa.record_batch({name: f for name, f in fields.items() if f is not None})
    classes = np.unique(fields["label"], return_inverse=True)[1]
    with pytest.raises(error, match=message):
        named_episodes(rows, classes, run="run", role="role")


def test_test_rows_of_known_classes_alone_are_refused() -> None:
    with pytest.raises(DataError, match=r"every class .* was trained on.*kind: group, by: label"):
        bound().judge(Nearest(bound()), raw_rows(x=[0.0, 1.0], label=["a", "b"]), seed=0)


def test_no_test_rows_are_refused() -> None:
    with pytest.raises(DataError, match="no rows to make episodes of"):
        bound().judge(Nearest(bound()), [], seed=0)


def test_the_shared_column_is_another_one() -> None:
    with pytest.raises(RecipeError, match="expected two columns"):
        FewShot.parse({"target": "label", "within": "label"})


def test_what_the_classes_share_is_no_input() -> None:
    task = FewShot(target="label", within="alphabet", adapt=Adapt(steps=1))
    assert task.targets == ("label", "alphabet")
    assert FewShot.parse(task.dump()) == task
