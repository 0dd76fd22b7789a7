"""The server's networks from segments to models/<run> and back, and the segments that their adapters refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from tiny_workspace import inside, train_in

from thinwire.errors import ParamError
from thinwire.params import Params, load_params
from thinwire.segments import SegmentWriter
from thinwire.tasks.classifier import Classifier
from thinwire.tasks.ctc_text import labels_of
from thinwire.tasks.recogniser import Recogniser
from thinwire.training.adapters import aucom_classifier, aucom_recogniser
from thinwire.training.adapters.segments import SPLITS
from thinwire.training.build import load_model

SAMPLES = 8000
RUN = {"data": "spoken", "after": "data/segments/spoken", "steps": 6}
RUNS = {
    "recogniser": RUN | {"system": "aucom_recogniser", "task": "speech"},
    "classifier": RUN | {"system": "aucom_classifier", "task": "sounds"},
}
SYSTEMS = {
    "aucom_codec": {"spectrum": {"n_mels": 16}},
    "aucom_recogniser": {"spectrum": {"n_mels": 16}, "channels": 2, "hidden": 6, "layers": 1},
    "aucom_classifier": {"spectrum": {"n_mels": 16}, "channels": [2, 4], "width": 6},
}
KINDS = {"hum": 200.0, "beep": 900.0, "hiss": 3000.0}


def write(folder: Path, rows: list[dict[str, Any]], samples: int = SAMPLES) -> Path:
    """A segment of each row in each split: its label's tone, with `seconds` of it said."""
    with SegmentWriter(folder, "test", ["mono"]) as writer:
        for split in SPLITS:
            for place, row in enumerate(rows):
                row = {"label": "", "words": "", "seconds": samples / 16_000, "splits": SPLITS} | row
                if split not in row.pop("splits"):
                    continue
                time = np.arange(samples) / 16_000
                tone = 0.1 * np.sin(2 * np.pi * (KINDS.get(row["label"], 500.0) + place) * time).astype(np.float32)
                writer.add(
                    tone[None], tone, segment_id=f"{split}{place}", split=split, session="-", speaker=f"p{place}",
                    start_s=1.0, end_s=1.0 + row.pop("seconds"), **row,
                )  # fmt: skip
    return folder


@pytest.fixture
def params(workspace: Path) -> Params:
    """The workspace's parameters with the two runs."""
    path = workspace / "params.yaml"
    tree = yaml.safe_load(path.read_text("utf-8"))
    tree["systems"] |= SYSTEMS
    tree["runs"] = tree["runs"] | {"aucom": RUNS}
    path.write_text(yaml.safe_dump(tree, sort_keys=False), "utf-8")
    return load_params(path)


def test_trained_networks_come_back_with_their_labels(workspace: Path, params: Params) -> None:
    rows = [{"label": label, "words": words} for label in KINDS for words in ("one", "two")]
    write(workspace / "data" / "segments" / "spoken", rows)
    for name in RUNS:
        train_in(workspace, name)
    f = torch.randn(2, 16, 50)
    with inside(workspace) as params:
        recogniser, classifier = load_model(params, "recogniser"), load_model(params, "classifier")
        assert isinstance(recogniser, Recogniser) and isinstance(classifier, Classifier)
        assert classifier.labels == ("beep", "hiss", "hum")
        assert len(recogniser.transcribe(f)) == 2 and set(classifier.classify(f)) <= set(KINDS)
        for model in (recogniser, classifier):
            assert model.input.mean.std() > 0.1  # measured on the training items, and kept


def test_only_words_that_can_have_been_said_are_learnt(params: Params, tmp_path: Path) -> None:
    rows = [
        {"words": "Hello!"},
        {"words": ""},
        {"words": "in 1984"},
        {"words": "the words of a recording that is much longer than its segment"},
        {"words": "hello", "seconds": 0.1},
        {"words": "eel"},
    ]
    splits = aucom_recogniser.load(params, "recogniser", [write(tmp_path / "a", rows)])
    for part in (splits.train, splits.dev):
        text, length = part.tensors["text"], part.tensors["text_length"]
        assert [row[:n].tolist() for row, n in zip(text, length, strict=True)] == [labels_of("hello"), labels_of("eel")]
        assert part.tensors["clean"].shape == (2, 16, 50)
    assert splits.item_s == 0.5 and splits.facts == {}
    assert splits.seen["speaker"] == [f"p{place}" for place in range(6)]


def test_a_corpus_without_words_is_refused(params: Params, tmp_path: Path) -> None:
    with pytest.raises(ParamError, match="no segment with words in split train"):
        aucom_recogniser.load(params, "recogniser", [write(tmp_path / "a", [{"label": "hum"}])])


def test_labels_are_the_training_splits(params: Params, tmp_path: Path) -> None:
    rows = [{"label": "hum"}, {"label": "beep"}, {"label": "hum"}, {"label": "hiss", "splits": ["train"]}]
    splits = aucom_classifier.load(params, "classifier", [write(tmp_path / "a", rows)])
    assert aucom_classifier.labels_of(splits.facts) == ["beep", "hiss", "hum"]
    assert splits.train.tensors["label"].tolist() == [2, 0, 2, 1]
    assert splits.dev.tensors["label"].tolist() == [2, 0, 2]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"label": "hum"}], "two labels or more"),
        ([{"label": "hum"}, {"label": ""}], "one a segment"),
        ([{"label": "hum"}, {"label": "beep"}, {"label": "hiss", "splits": ["dev"]}], "'hiss' stands in split dev"),
    ],
)
def test_labels_that_cannot_be_learnt_are_refused(
    params: Params, tmp_path: Path, rows: list[dict[str, Any]], message: str
) -> None:
    with pytest.raises(ParamError, match=message):
        aucom_classifier.load(params, "classifier", [write(tmp_path / "a", rows)])


def test_networks_hear_the_codecs_mels(workspace: Path, params: Params, tmp_path: Path) -> None:
    path = workspace / "params.yaml"
    tree = yaml.safe_load(path.read_text("utf-8"))
    tree["systems"]["aucom_codec"]["spectrum"]["n_mels"] = 24
    path.write_text(yaml.safe_dump(tree), "utf-8")
    folder = write(tmp_path / "a", [{"label": "hum"}, {"label": "beep"}])
    with pytest.raises(ParamError, match="aucom_classifier.spectrum.n_mels: 16, but systems.aucom_codec has 24"):
        aucom_classifier.load(load_params(path), "classifier", [folder])
