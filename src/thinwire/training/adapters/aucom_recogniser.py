"""The recogniser in the training loop: mel features of segments with their words."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from thinwire import kaldi
from thinwire.errors import ParamError
from thinwire.nn.trainable import Trainable
from thinwire.params import Params
from thinwire.segments import Segments
from thinwire.tasks.ctc_text import BLANK, frames_needed, labels_of
from thinwire.tasks.recogniser import STRIDE, RecogniserSystem
from thinwire.training.adapters.aucom_tasks import TaskReader, settings_of
from thinwire.training.adapters.segments import SPLITS
from thinwire.training.build import Splits
from thinwire.training.loop import TensorData


def load(params: Params, name: str, folders: list[Path]) -> Splits:
    """Features `clean` (n, H, L) and labels `text` (n, S), `text_length` (n,) of segments whose words are known and can
    have been said in their time; the words of a longer recording that a segment is cut from cannot.

    Raises ParamError where a split has none.
    """
    reader = TaskReader(folders, settings_of(params, name))
    tensors = {}
    for split in SPLITS:
        parts = reader.of(split)
        texts = [text for part in parts for text in said_in(part)]
        chosen = [place for place, text in enumerate(texts) if text]
        if not chosen:
            where = ", ".join(map(str, folders))
            raise ParamError(f"{where}: no segment with words in split {split}; give the corpus its transcripts")
        text, length = padded([texts[place] for place in chosen])
        tensors[split] = {"clean": reader.features(parts)[chosen], "text": text, "text_length": length}
    return reader.splits(tensors, {})


def said_in(segments: Segments) -> list[list[int]]:
    """Labels of each segment's words, none where they are unknown or too many for its time."""
    found = []
    for words, start, end in zip(*(segments.table[key] for key in ("words", "start_s", "end_s")), strict=True):
        labels = labels_of(str(words)) or []
        found.append(labels if frames_needed(labels) <= int((end - start) * kaldi.FRAME_RATE / STRIDE) else [])
    return found


def padded(texts: list[list[int]]) -> tuple[Tensor, Tensor]:
    """Labels (n, S), filled up with BLANK, and their numbers (n,)."""
    longest = max(map(len, texts))
    rows = [text + [BLANK] * (longest - len(text)) for text in texts]
    return torch.tensor(rows), torch.tensor([len(text) for text in texts])


def build(params: Params, name: str, facts: dict[str, int], to_train: bool) -> Trainable:
    return RecogniserSystem(params.systems.aucom_recogniser)


def fit(system: Trainable, splits: Splits) -> None:
    assert isinstance(system, RecogniserSystem)
    system.model.input.fit(splits.train.tensors["clean"])


def derived(system: Trainable, train: TensorData) -> dict[str, dict[str, Tensor]]:
    return {}
