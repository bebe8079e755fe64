"""Public data sets by name: where their files lie, and what their bytes must be.

Checksums are of the files as published. MNIST's and CIFAR-10's agree with the MD5 sums that their
authors print beside them; UCI and Geron print none, so those of their files are of copies that
several projects quote alike.
"""

from __future__ import annotations

from dataclasses import dataclass

from sonde.core.errors import UsageError, unknown


@dataclass(frozen=True)
class PublicFile:
    """A file of a set.

    Attributes:
        name: as it is kept, below the set's folder.
        address: where it is published, https.
        size: in bytes.
        sha256: of its bytes, in hexadecimal digits.
    """

    name: str
    address: str
    size: int
    sha256: str


@dataclass(frozen=True)
class PublicSet:
    """A named set.

    Attributes:
        about: what it is, in a few words.
        licence: as its publisher says, or that nothing is said.
        source: who made it, to be cited.
        recipe: the `source` of a recipe that reads it, in YAML, relative to the folder of sets.
        target: what is usually predicted.
    """

    name: str
    about: str
    licence: str
    source: str
    files: tuple[PublicFile, ...]
    recipe: str
    target: str

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


_MNIST = "https://ossci-datasets.s3.amazonaws.com/mnist/"
_UCI = "https://archive.ics.uci.edu/ml/machine-learning-databases/"
_GERON = "https://raw.githubusercontent.com/ageron/handson-ml/master/datasets/housing/"
_ADULT_NAMES = (
    "age, workclass, fnlwgt, education, education_num, marital_status, occupation, relationship, "
    "race, sex, capital_gain, capital_loss, hours_per_week, native_country, income"
)

SETS = (
    PublicSet(
        name="adult",
        about="48,842 people of the 1994 census: does one earn more than 50,000 dollars a year?",
        licence="CC BY 4.0",
        source="Becker, Kohavi, 1996, UCI Machine Learning Repository, doi:10.24432/C5XW20",
        files=(
            PublicFile(
                "adult.data",
                _UCI + "adult/adult.data",
                3_974_305,
                "5b00264637dbfec36bdeaab5676b0b309ff9eb788d63554ca0a249491c86603d",
            ),
            PublicFile(
                "adult.names",
                _UCI + "adult/adult.names",
                5_229,
                "c248284c0b5de30c9e1958d6cdd168a34a654758b620e68f46aefa83fc0a576a",
            ),
            PublicFile(
                "adult.test",
                _UCI + "adult/adult.test",
                2_003_153,
                "a2a9044bc167a35b2361efbabec64e89d69ce82d9790d2980119aac5fd7e9c05",
            ),
        ),
        recipe=f"{{kind: table, path: adult/adult.data, names: [{_ADULT_NAMES}]}}",
        target="income",
    ),
    PublicSet(
        name="california-housing",
        about="20,640 districts of California in 1990: what is the median house worth?",
        licence="Apache 2.0 (the repository it is copied in)",
        source="Pace, Barry, 1997, Statistics and Probability Letters 33; A. Geron, handson-ml",
        files=(
            PublicFile(
                "housing.csv",
                _GERON + "housing.csv",
                1_423_529,
                "8a3727f4cf54ac1a327f69b1d5b4db54c5834ea81c6e4efc0d163300022a685e",
            ),
        ),
        recipe="{kind: table, path: california-housing/housing.csv}",
        target="median_house_value",
    ),
    PublicSet(
        name="cifar-10",
        about="60,000 colour pictures of 32 x 32 in 10 classes; the binary version, no pickle",
        licence="not stated",
        source="Krizhevsky, 2009, Learning Multiple Layers of Features from Tiny Images",
        files=(
            PublicFile(
                "cifar-10-binary.tar.gz",
                "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
                170_052_171,
                "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
            ),
        ),
        recipe="{kind: cifar, path: cifar-10/cifar-10-binary.tar.gz}",
        target="label",
    ),
    PublicSet(
        name="mnist",
        about="70,000 handwritten digits, grey, 28 x 28",
        licence="not stated",
        source="LeCun, Cortes, Burges, 1998, The MNIST database of handwritten digits",
        files=(
            PublicFile(
                "t10k-images-idx3-ubyte.gz",
                _MNIST + "t10k-images-idx3-ubyte.gz",
                1_648_877,
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            ),
            PublicFile(
                "t10k-labels-idx1-ubyte.gz",
                _MNIST + "t10k-labels-idx1-ubyte.gz",
                4_542,
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            ),
            PublicFile(
                "train-images-idx3-ubyte.gz",
                _MNIST + "train-images-idx3-ubyte.gz",
                9_912_422,
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            ),
            PublicFile(
                "train-labels-idx1-ubyte.gz",
                _MNIST + "train-labels-idx1-ubyte.gz",
                28_881,
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            ),
        ),
        recipe=(
            "{kind: arrays, root: mnist, "
            "train: {image: train-images-idx3-ubyte.gz, label: train-labels-idx1-ubyte.gz}, "
            "test: {image: t10k-images-idx3-ubyte.gz, label: t10k-labels-idx1-ubyte.gz}}"
        ),
        target="label",
    ),
)


def find_set(name: str) -> PublicSet:
    """The set of that name.

    Raises:
        UsageError: there is none; names the nearest.
    """
    for found in SETS:
        if found.name == name:
            return found
    raise UsageError(unknown("data set", name, (known.name for known in SETS)))
