"""Sonde: raw data in, a trained, honestly judged, sealed model out.

The public names, resolved when they are first used, so that `import sonde` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "sonde.contracts.recipe": ("Recipe", "Checkpointing"),
    "sonde.contracts.data": ("Column", "Encoded", "Guess", "RowError", "Source", "Split", "World"),
    "sonde.contracts.learn": ("Budget", "Paradigm", "Phase", "Stop"),
    "sonde.contracts.learner": ("Learner",),
    "sonde.contracts.model": ("Blueprint",),
    "sonde.contracts.metric": ("Metric",),
    "sonde.contracts.task": ("Loss", "SupervisedTask", "Task"),
    "sonde.core.batch": ("Batch", "Padded"),
    "sonde.core.errors": ("SondeError",),
    "sonde.core.port": ("Port",),
    "sonde.core.spec": ("Learned", "Spec"),
    "sonde.data.sources.arrays": ("Arrays",),
    "sonde.data.sources.arrow": ("Arrow",),
    "sonde.data.sources.folder": ("Folder",),
    "sonde.data.sources.jsonl": ("Jsonl",),
    "sonde.data.sources.parquet": ("Parquet",),
    "sonde.data.sources.table": ("Table",),
    "sonde.learn._descent": ("Descent", "DescentSettings"),
    "sonde.learn.paradigms.supervised": ("Supervised",),
    "sonde.nets.models.convnet": ("Convnet",),
    "sonde.nets.models.dense": ("Dense",),
    "sonde.nets.models.linear": ("Linear",),
    "sonde.run.bundle": ("Bundle",),
    "sonde.run.loop": ("Callback",),
    "sonde.tasks.classification": ("Classification",),
    "sonde.tasks.multilabel": ("Multilabel",),
    "sonde.tasks.regression": ("Regression",),
    "sonde.tasks.several": ("Several",),
    "sonde.workflow.compare": ("Contest", "compare"),
    "sonde.workflow.cross_validate": ("Runs", "cross_validate"),
    "sonde.workflow.debug": ("Diagnosis", "debug"),
    "sonde.workflow.fit": ("Run", "fit"),
    "sonde.workflow.learning_rate": ("LearningRates", "find_learning_rate"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> Any:
    """The public name, imported from its home now."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'sonde' has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return __all__
