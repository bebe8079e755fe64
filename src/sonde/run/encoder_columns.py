"""How the model that an encoder came from read its columns, so that another reads them alike.

An encoder's weights mean what its columns meant: a number's scale, the place of each class, which
column came first. Fitted anew on other rows, columns of the same names would mean something else.
"""

from __future__ import annotations

from collections.abc import Mapping

from sonde.contracts.data import Column
from sonde.contracts.model import Pretrained
from sonde.contracts.task import Task
from sonde.core.errors import UsageError
from sonde.core.notice import tell
from sonde.core.port import Ports
from sonde.run.archive import read_archive
from sonde.run.stored import columns_from

MODEL = ".sonde"
"""How the name of a sealed model ends; other files hold weights alone."""


def read_by(encoder: Pretrained | None) -> dict[str, Column]:
    """The fitted input columns of the model that an encoder comes from, in its order.

    Nothing where there is no encoder, or a file of weights alone.

    Raises:
        StorageError: there is no such file.
        DamagedBundle: it is not what was sealed.
    """
    if encoder is None or not encoder.path.endswith(MODEL):
        return {}
    archive = read_archive(encoder.path)
    columns = columns_from(archive.json("columns.json"), archive.arrays("columns.safetensors"))
    inputs = Task.parse(archive.json("task.json")).bind(columns).inputs
    return {name: columns[name] for name in inputs if name in columns}


def as_the_encoder(
    encoder: Pretrained | None, fitted: Mapping[str, Column], targets: tuple[str, ...]
) -> dict[str, Column]:
    """The fitted columns; inputs that the encoder read too, declared alike, as they were then.

    What they learned then comes from the rows that the encoder learned from, as its weights do.
    """
    held = read_by(encoder)
    taken = {
        name: held[name]
        for name, column in fitted.items()
        if name in held and name not in targets and column.learns
        if column.unlearned() == held[name].unlearned()
    }
    if taken:
        tell(f"columns    read as the encoder read them: {', '.join(taken)}")
    return {**fitted, **taken}


def refuse_other_order(encoder: Pretrained, inputs: Ports) -> None:
    """Columns of one kind must stand in the order in which the encoder read them.

    A column that is alone of its kind may have another name.

    Raises:
        UsageError: naming both.
    """
    held = {name: column.port for name, column in read_by(encoder).items()}
    theirs, mine = _by_kind(held), _by_kind(inputs)
    for kind in theirs if held else ():
        then, now = theirs[kind], mine.get(kind, [])
        if then != now and (len(then), len(now)) != (1, 1):
            raise UsageError(
                f"encoder {encoder.path} does not fit these columns: it read the {kind} columns "
                f"{', '.join(then)}, in this order, and here {', '.join(now) or 'there are none'}. "
                "Declare under columns: the same ones in the same order"
            )


def _by_kind(ports: Ports) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, port in ports.items():
        found.setdefault(port.kind, []).append(name)
    return found
