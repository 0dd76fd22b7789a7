"""The classifier in the training loop: mel features of segments with their labels."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from thinwire.errors import ParamError
from thinwire.nn.trainable import Trainable
from thinwire.params import Params
from thinwire.tasks.classifier import ClassifierSystem
from thinwire.training.adapters.aucom_tasks import TaskReader, settings_of
from thinwire.training.adapters.segments import SPLITS
from thinwire.training.build import Splits
from thinwire.training.loop import TensorData

LABEL = "label "
"""Facts `label <name>`, the place of a class, carry the names of classes beside the weights."""


def load(params: Params, name: str, folders: list[Path]) -> Splits:
    """Features `clean` (n, H, L) and places of labels, `label` (n,); classes are the labels of the training split.

    Raises ParamError for fewer than two, and for segments without a label or with one that is not trained.
    """
    reader = TaskReader(folders, settings_of(params, name))
    parts = {split: reader.of(split) for split in SPLITS}
    found = {split: [str(label) for part in parts[split] for label in part.table["label"]] for split in SPLITS}
    classes = {label: place for place, label in enumerate(sorted(set(found["train"])))}
    where = ", ".join(map(str, folders))
    if len(classes) < 2 or "" in classes:
        given = ", ".join(map(repr, classes))
        raise ParamError(f"{where}: two labels or more are needed in training, one a segment, found {given}")
    if unknown := sorted(set(found["dev"]) - set(classes)):
        raise ParamError(f"{where}: {unknown[0]!r} stands in split dev and not in train; make the corpus larger")
    tensors = {
        split: {
            "clean": reader.features(parts[split]),
            "label": torch.tensor([classes[label] for label in found[split]]),
        }
        for split in SPLITS
    }
    return reader.splits(tensors, {LABEL + label: place for label, place in classes.items()})


def labels_of(facts: dict[str, int]) -> list[str]:
    """The names of the classes in their order."""
    return sorted((key.removeprefix(LABEL) for key in facts), key=lambda label: facts[LABEL + label])


def build(params: Params, name: str, facts: dict[str, int], to_train: bool) -> Trainable:
    return ClassifierSystem(params.systems.aucom_classifier, labels_of(facts))


def fit(system: Trainable, splits: Splits) -> None:
    assert isinstance(system, ClassifierSystem)
    system.model.input.fit(splits.train.tensors["clean"])


def derived(system: Trainable, train: TensorData) -> dict[str, dict[str, Tensor]]:
    return {}
