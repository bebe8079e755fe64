"""The numbers Sonde has to reach: which recipe, which score, what was published, the least done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).resolve().parents[1]
SEEDS = (0, 1, 2)


@dataclass(frozen=True)
class Unit:
    """How a score is shown: `shown = offset + scale * score`.

    Attributes:
        text: what stands after the number.
        higher_is_better: of the number as shown.
    """

    text: str
    scale: float = 1.0
    offset: float = 0.0
    digits: int = 2
    higher_is_better: bool = True

    def of(self, score: float) -> float:
        """A score as a number in this unit."""
        return self.offset + self.scale * score

    def show(self, value: float) -> str:
        """A number already in this unit, as it is printed."""
        return f"{value:,.{self.digits}f} {self.text}".rstrip()


ACCURACY = Unit("%", 100.0)
ERROR = Unit("%", -100.0, 100.0, higher_is_better=False)
DOLLARS = Unit("$", digits=0, higher_is_better=False)
AREA = Unit("", digits=4)
DECIBELS = Unit("dB")
RETURN = Unit("", digits=1)
DISTANCE = Unit("", digits=3, higher_is_better=False)
BLEU = Unit("BLEU", digits=1)
NATS = Unit("nats", digits=3, higher_is_better=False)
PART = Unit("%", 100.0, higher_is_better=False)


@dataclass(frozen=True)
class Row:
    """One number to reach.

    Attributes:
        name: of the row, and of its recipe under `examples/`.
        what: for readers.
        score: the name of the task's score; `unit` says how it is shown.
        must: the least (or most) the mean over the seeds may be, as shown; None where a closed
            form is the measure instead, or where every answer is one that is said plainly.
        published: what somebody else reported.
        how: a fit with the recipe's own split, or every fold of it with scores over all rows.
        tolerance: how far the mean may lie from the closed form, as a part of it.
        rival: who is to be beaten: a row, so that the intervals of seed 0 lie apart; or a simple
            rival, so that the paired interval of the gain over it lies above 0.
        share: of a score that is better small: what part of the rival's of the same seed it may be
            on average, in place of intervals that lie apart. Both are on a scale of that seed.
        needs: runs that the recipe names, such as `runs/mnist-gan`, in the order in which they are
            trained, with the recipe of each.
        makes: data that is made here, with the script under `examples/` that makes it.
        told: scores whose gains over others on the same test rows the page tells, by name, and how
            it calls them.
        beside: a row whose run of the same seed and code is such another, as a rival that is a row
            is; either answer counts.
        most_work: multiply-adds that a judged row may cost on average, where that is the measure:
            half of those of the way to the end, `works` of the sealed network.
        also: other scores that are better large, by name, with the least that each mean may be.
    """

    name: str
    what: str
    score: str
    unit: Unit
    published: str
    must: float | None = None
    how: Literal["fit", "cross_validate"] = "fit"
    tolerance: float | None = None
    rival: str = ""
    share: float | None = None
    needs: Mapping[str, str] = field(default_factory=dict)
    makes: Mapping[str, str] = field(default_factory=dict)
    told: Mapping[str, str] = field(default_factory=dict)
    beside: str = ""
    most_work: int | None = None
    also: Mapping[str, float] = field(default_factory=dict)

    @property
    def recipe(self) -> Path:
        """The recipe's file."""
        return example(self.name)

    @property
    def must_in_words(self) -> str:
        """What counts as done."""
        if self.rival and self.share is not None:
            return f"≤ {self.share:g} of {self.rival}"
        if self.rival:
            return f"better than {self.rival}"
        if self.most_work is not None:
            return f"≤ {self.most_work / 1000:,.0f} k multiply-adds a row, half of the whole way"
        if self.must is None and self.tolerance is None:
            return "said plainly"
        if self.must is None:
            return f"within {100 * (self.tolerance or 0.0):g} % of the closed form"
        least = f"{'≥' if self.unit.higher_is_better else '≤'} {self.unit.show(self.must)}"
        others = (f"{name} ≥ {self.unit.show(value)}" for name, value in self.also.items())
        return ", ".join((least, *others))

    def met(self, mean: float, closed_form: float | None) -> bool:
        """Whether a mean, as shown, is enough."""
        if self.must is None and self.tolerance is None:
            return True
        if self.must is None:
            assert closed_form is not None and self.tolerance is not None, self.name
            return abs(mean / closed_form - 1) <= self.tolerance
        return mean >= self.must if self.unit.higher_is_better else mean <= self.must


def example(name: str) -> Path:
    """The file of a recipe."""
    return ROOT / "examples" / f"{name}.yaml"


_FRAMES = {"runs/cartpole": "cartpole-ppo", "runs/frames-classifier": "frames-classifier"}

ROWS = (
    Row(
        name="mnist-cnn",
        what="mnist, the article's CNN, 5 epochs: accuracy",
        score="accuracy",
        unit=ACCURACY,
        published="LeNet-5 99.05 %, Keras example about 99 %",
        must=98.9,
    ),
    Row(
        name="wdbc-logistic",
        what="breast-cancer-wdbc, logistic regression, 10 folds: accuracy",
        score="accuracy",
        unit=ACCURACY,
        published="97.5 % (repeated 10-fold)",
        must=97.0,
        how="cross_validate",
    ),
    Row(
        name="california-linear",
        what="california-housing, linear regression, 80/20: RMSE",
        score="rmse",
        unit=DOLLARS,
        published="69,052 $ (linear, 10-fold)",
        tolerance=0.005,
    ),
    Row(
        name="california-deep",
        what="california-housing, deep regression, 80/20: RMSE",
        score="rmse",
        unit=DOLLARS,
        published="random forest 52,583 $, boosted trees about 47,000 $",
        must=46_000,
    ),
    Row(
        name="adult",
        what="adult, given test part: error",
        score="accuracy",
        unit=ERROR,
        published="NBTree 14.10 %, MLP 14.8 %, boosted trees 12.7 %",
        must=13.6,
    ),
    Row(
        name="german-credit",
        what="german-credit, 10 folds: AUC",
        score="auc",
        unit=AREA,
        published="good models about 0.79",
        must=0.78,
        how="cross_validate",
    ),
    Row(
        name="credit-card-default",
        what="credit-card-default, 80/20: AUC",
        score="auc",
        unit=AREA,
        published="boosted trees about 0.78",
        must=0.775,
    ),
    Row(
        name="insurance-fraud",
        what="insurance-fraud, 5 folds: PR AUC",
        score="pr auc",
        unit=AREA,
        published="none; 0.247 by chance",
        how="cross_validate",
        told={"pr auc": "PR AUC", "f1 (YES)": "F1"},
    ),
    Row(
        name="heart-disease",
        what="heart-disease, 10 folds: accuracy",
        score="accuracy",
        unit=ACCURACY,
        published="logistic regression 77 %, NTgrowth 77.0 %, CLASSIT 78.9 %",
        must=80.0,
        how="cross_validate",
    ),
    Row(
        name="cifar10-resnet",
        what="cifar-10-jpeg, a residual network of 1.2 million weights: accuracy",
        score="accuracy",
        unit=ACCURACY,
        published="ResNet-20 91.25 % (original pixels, 64,000 steps)",
        must=82.0,
    ),
    Row(
        name="cifar10-textbook",
        what="cifar-10-jpeg, the textbook's two convolutions, 10 epochs: accuracy",
        score="accuracy",
        unit=ACCURACY,
        published="",
    ),
    Row(
        name="gtsrb",
        what="gtsrb-32, one frame in fifteen, validation by track: accuracy",
        score="accuracy",
        unit=ACCURACY,
        published="LDA on HOG 95.68 %, CNN 98.31 % (on all frames)",
        must=95.0,
    ),
    Row(
        name="pneumoniamnist",
        what="pneumoniamnist, given parts: AUC",
        score="auc",
        unit=AREA,
        published="ResNet-18 0.944",
        must=0.94,
    ),
    Row(
        name="houses-table",
        what="houses, the table alone, 5 folds: MAPE",
        score="mape",
        unit=PART,
        published="about 22 % (75/25)",
        must=24.0,
        how="cross_validate",
    ),
    Row(
        name="houses-both",
        what="houses, the table and four photographs, 5 folds: MAPE",
        score="mape",
        unit=PART,
        published="about 25 % (75/25)",
        how="cross_validate",
        told={"mape": "MAPE"},
        beside="houses-table",
    ),
    Row(
        name="denoise-mnist",
        what="mnist, noise 0.3, the textbook's denoiser: PSNR above a median filter's",
        score="psnr over a median filter",
        unit=DECIBELS,
        published="none",
        must=3.0,
    ),
    Row(
        name="mnist-dbn",
        what="mnist, a deep belief network, fine-tuned: accuracy",
        score="accuracy",
        unit=ACCURACY,
        published="98.75 % (Hinton, Osindero, Teh 2006), a plain network 98.5 %",
        must=98.4,
    ),
    Row(
        name="omniglot-prototypes",
        what="omniglot, one-shot, the 20 published runs, five alphabets to learn from: error",
        score="accuracy",
        unit=ERROR,
        published="people 4.5 %, a convolutional net 23.2 %, prototypes 30.1 %",
        must=30.0,
    ),
    Row(
        name="cartpole-dqn",
        what="CartPole-v1, value based, 100 episodes: return",
        score="return",
        unit=RETURN,
        published="488.7",
        must=475.0,
    ),
    Row(
        name="cartpole-ppo",
        what="CartPole-v1, policy based, 100 episodes: return",
        score="return",
        unit=RETURN,
        published="490",
        must=490.0,
    ),
    Row(
        name="lunarlander-ppo",
        what="LunarLander-v3, policy based, 100 episodes: return",
        score="return",
        unit=RETURN,
        published="242 (v2, a million steps)",
        must=200.0,
    ),
    Row(
        name="pendulum-ppo",
        what="Pendulum-v1, policy based, 100 episodes: return",
        score="return",
        unit=RETURN,
        published="none",
        must=-300.0,
    ),
    Row(
        name="mnist-drawn",
        what="mnist, a classifier that was taught by drawn digits alone: accuracy",
        score="accuracy",
        unit=ACCURACY,
        published="none",
        must=95.0,
        needs={"runs/mnist-gan": "mnist-gan"},
    ),
    Row(
        name="mnist-one-percent",
        what="mnist, 1 % of the labels, from nothing: accuracy",
        score="accuracy",
        unit=ACCURACY,
        published="",
    ),
    Row(
        name="mnist-one-percent-pretrained",
        what="mnist, 1 % of the labels, after self-supervision: accuracy",
        score="accuracy",
        unit=ACCURACY,
        published="none",
        rival="mnist-one-percent",
        told={"accuracy": "accuracy"},
        needs={"runs/mnist-contrast": "mnist-contrast"},
    ),
    Row(
        name="cifar10-one-percent",
        what="cifar-10-jpeg, 1 % of the labels, from nothing: accuracy",
        score="accuracy",
        unit=ACCURACY,
        published="",
    ),
    Row(
        name="cifar10-one-percent-pretrained",
        what="cifar-10-jpeg, 1 % of the labels, after self-supervision: accuracy",
        score="accuracy",
        unit=ACCURACY,
        published="none",
        rival="cifar10-one-percent",
        told={"accuracy": "accuracy"},
        needs={"runs/cifar10-contrast": "cifar10-contrast"},
    ),
    Row(
        name="mnist-exits",
        what="mnist, a network that rows leave early, at most 0.3 points lost: accuracy",
        score="accuracy",
        unit=ACCURACY,
        most_work=1_144_256,
        published="BranchyNet 1.5 to 5 times faster",
    ),
    Row(
        name="cifar10-exits",
        what="cifar-10-jpeg, the same with a residual network: accuracy",
        score="accuracy",
        unit=ACCURACY,
        most_work=32_728_320,
        published="BranchyNet 1.5 to 5 times faster",
    ),
    Row(
        name="frames-autoencoder",
        what="frames of our own agent's game, drawn by a plain autoencoder: Fréchet distance in "
        "our own classifier's features",
        score="frechet",
        unit=DISTANCE,
        published="",
        needs=_FRAMES,
    ),
    Row(
        name="frames-vae",
        what="the same, drawn by a variational autoencoder",
        score="frechet",
        unit=DISTANCE,
        published="none",
        rival="frames-autoencoder",
        share=0.5,
        needs=_FRAMES,
    ),
    Row(
        name="frames-gan",
        what="the same, drawn by a generator that a critic taught",
        score="frechet",
        unit=DISTANCE,
        published="none",
        needs=_FRAMES,
    ),
    Row(
        name="mr",
        what="reviews of films (MR), kernels over words, 10 folds: accuracy",
        score="accuracy",
        unit=ACCURACY,
        published="75.9 %, random vectors",
        must=75.4,
        how="cross_validate",
    ),
    Row(
        name="mr-lstm",
        what="the same, LSTM in both directions: accuracy",
        score="accuracy",
        unit=ACCURACY,
        published="",
        must=74.4,
        how="cross_validate",
    ),
    Row(
        name="mr-attention",
        what="the same, attention over states: accuracy",
        score="accuracy",
        unit=ACCURACY,
        published="",
        must=74.4,
        how="cross_validate",
    ),
    Row(
        name="trec",
        what="questions by what they ask for (TREC), given test part: accuracy",
        score="accuracy",
        unit=ACCURACY,
        published="88.2 %",
        must=87.7,
    ),
    Row(
        name="trec-bilstm",
        what="the same, LSTM in both directions: accuracy",
        score="accuracy",
        unit=ACCURACY,
        published="",
        must=86.7,
    ),
    Row(
        name="trec-attention",
        what="the same, attention over states: accuracy",
        score="accuracy",
        unit=ACCURACY,
        published="",
        must=86.7,
    ),
    Row(
        name="trec-lstm",
        what="the same, the textbook's LSTM of 64 units: accuracy",
        score="accuracy",
        unit=ACCURACY,
        published="",
    ),
    Row(
        name="subj",
        what="subjective or not (Subj), 10 folds: accuracy",
        score="accuracy",
        unit=ACCURACY,
        published="89.2 %",
        must=88.7,
        how="cross_validate",
    ),
    Row(
        name="subj-lstm",
        what="the same, LSTM in both directions: accuracy",
        score="accuracy",
        unit=ACCURACY,
        published="",
        must=87.7,
        how="cross_validate",
    ),
    Row(
        name="subj-attention",
        what="the same, attention over states: accuracy",
        score="accuracy",
        unit=ACCURACY,
        published="",
        must=87.7,
        how="cross_validate",
    ),
    Row(
        name="sst2",
        what="reviews of films (SST-2), sentences alone: accuracy",
        score="accuracy",
        unit=ACCURACY,
        published="83.5 %, taught by phrases too",
        must=79.0,
    ),
    Row(
        name="sst2-lstm",
        what="the same, LSTM in both directions: accuracy",
        score="accuracy",
        unit=ACCURACY,
        published="",
        must=78.0,
    ),
    Row(
        name="sst2-attention",
        what="the same, attention over states: accuracy",
        score="accuracy",
        unit=ACCURACY,
        published="",
        must=78.0,
    ),
    Row(
        name="names",
        what="names by nationality, letter by letter: accuracy",
        score="accuracy",
        unit=ACCURACY,
        published="",
        rival="n-gram logistic regression",
        told={"accuracy": "accuracy"},
    ),
    Row(
        name="numbers-rnn",
        what="heart beats (ECG200), two simple recurrent layers: accuracy",
        score="accuracy",
        unit=ACCURACY,
        published="",
    ),
    Row(
        name="multi30k-en-de",
        what="multi30k, English to German, test 2016: BLEU, detokenised, cased",
        score="bleu",
        unit=BLEU,
        published="41 tokenised, lower-cased (Wu et al. 2021)",
        must=31.0,
    ),
    Row(
        name="multi30k-en-de-gru",
        what="the same, recurrent: BLEU",
        score="bleu",
        unit=BLEU,
        published="28 from German, other tokenisation",
    ),
    Row(
        name="multi30k-en-fr",
        what="multi30k, English to French, test 2016: BLEU",
        score="bleu",
        unit=BLEU,
        published="",
    ),
    Row(
        name="multi30k-de-en",
        what="multi30k, German to English, test 2016: BLEU",
        score="bleu",
        unit=BLEU,
        published="36.5, other tokenisation",
    ),
    Row(
        name="subjqa-electronics",
        what="questions about electronics (subjqa): AUC of answerability",
        score="auc",
        unit=AREA,
        published="",
        must=0.6,
        also={"f1 (answerable)": 0.2},
        told={"auc": "AUC of answerability", "f1": "F1 over all questions"},
    ),
    Row(
        name="subjqa-grocery",
        what="questions about grocery (subjqa): AUC of answerability",
        score="auc",
        unit=AREA,
        published="",
        must=0.6,
        also={"f1 (answerable)": 0.2},
        told={"auc": "AUC of answerability", "f1": "F1 over all questions"},
    ),
    Row(
        name="subjqa-restaurants",
        what="questions about restaurants (subjqa): AUC of answerability",
        score="auc",
        unit=AREA,
        published="",
        must=0.6,
        also={"f1 (answerable)": 0.2},
        told={"auc": "AUC of answerability", "f1": "F1 over all questions"},
    ),
    Row(
        name="subjqa-tripadvisor",
        what="questions about tripadvisor (subjqa): AUC of answerability",
        score="auc",
        unit=AREA,
        published="",
        must=0.6,
        also={"f1 (answerable)": 0.2},
        told={"auc": "AUC of answerability", "f1": "F1 over all questions"},
    ),
    Row(
        name="shakespeare",
        what="tinyshakespeare, last tenth: nats per character",
        score="nats",
        unit=NATS,
        published="1.88 (0.8 M weights), 1.47 (10.7 M), nanoGPT",
        must=1.85,
    ),
    Row(
        name="orl-identification",
        what="faces (ORL), five photographs of each to learn from: error",
        score="accuracy",
        unit=ERROR,
        published="3.8 % (Lawrence et al. 1997)",
        must=3.8,
    ),
    Row(
        name="orl-verification",
        what="faces (ORL), ten people nobody trained on: equal error rate",
        score="equal error rate",
        unit=PART,
        published="none",
        must=8.0,
    ),
    Row(
        name="bccd",
        what="blood cells, given test part: mean average precision at half overlap",
        score="map@50",
        unit=AREA,
        published="YOLOv8n 0.92 (pretrained), a small net 0.85",
        must=0.80,
    ),
    Row(
        name="camvid-boxes",
        what="cars and people on the road, boxes of camvid's masks: the same",
        score="map@50",
        unit=AREA,
        published="none",
        makes={"runs/camvid-boxes.csv": "camvid_boxes.py"},
    ),
    Row(
        name="membrane",
        what="cell membranes, 24 slices to learn from, six to test: pixel error",
        score="pixel error",
        unit=PART,
        published="6.1 % (hidden test; Ronneberger et al. 2015)",
        must=8.5,
    ),
    Row(
        name="camvid",
        what="roads (46 frames of camvid): mean IoU of 11 classes",
        score="mean iou",
        unit=AREA,
        published="SegNet 0.46 to 0.50 on 367 frames",
        must=0.35,
    ),
    Row(
        name="lanes",
        what="drawn roads, held out: IoU of the two lines of the own lane",
        score="line iou",
        unit=AREA,
        published="none",
        must=0.80,
        makes={"runs/roads": "make_roads.py"},
    ),
    Row(
        name="restore-noise",
        what="cifar-10-jpeg, noise of up to 0.2 taken back: PSNR",
        score="psnr",
        unit=DECIBELS,
        published="none",
    ),
    Row(
        name="restore-resolution",
        what="camvid, twice as many pixels a side: PSNR",
        score="psnr",
        unit=DECIBELS,
        published="none",
    ),
)
