"""What every measurement of TF-Codec shares: test clips at one loudness, the trained model with its code tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch

from thinwire.errors import PipelineError
from thinwire.params import Params
from thinwire.params.tfcodec import TfRow
from thinwire.params.tfcodec_evaluation import Evaluation
from thinwire.progress import track
from thinwire.segments import SegmentStore
from thinwire.systems.tfcodec.codec import TfCodecCoder, coder_fingerprint
from thinwire.systems.tfcodec.model import LoopOutput, TfCodec
from thinwire.systems.tfcodec.tables import tables_of
from thinwire.training.build import DATA, load_model, model_folder
from thinwire.training.state import load_tensors

LOUDNESS = 0.05
"""Root mean square of every reference in front of a listening measure."""
BATCH = 8
SILENCE = 1e-9


@dataclass(frozen=True)
class Clips:
    """Test clips: `table` (n rows), `audio` (n, samples) float32, and the gain (n,) that brings each to LOUDNESS."""

    table: pd.DataFrame
    audio: np.ndarray
    gain: np.ndarray

    @classmethod
    def of(cls, table: pd.DataFrame, audio: np.ndarray) -> Clips:
        """Clips with the gains that their own levels ask for."""
        return cls(table.reset_index(drop=True), audio, LOUDNESS / np.maximum(_rms(audio), SILENCE))

    def __len__(self) -> int:
        return len(self.audio)

    @property
    def seconds(self) -> float:
        """Duration of one clip."""
        return self.audio.shape[1] / 16_000

    @property
    def ids(self) -> list[str]:
        """segment_id of every clip."""
        return [str(name) for name in self.table["segment_id"]]

    @property
    def reference(self) -> np.ndarray:
        """The clips at LOUDNESS (n, samples)."""
        return self.audio * self.gain[:, None]

    def subset(self, count: int) -> np.ndarray:
        """Evenly spread places, the same for every run; a smaller subset is part of every larger one."""
        return np.sort(spread(len(self))[:count])

    def take(self, chosen: np.ndarray) -> Clips:
        """Some of the clips."""
        return Clips(self.table.iloc[chosen].reset_index(drop=True), self.audio[chosen], self.gain[chosen])

    def columns(self) -> pd.DataFrame:
        """segment_id, speaker, and level_db, the RMS level of the clip re full scale."""
        table = self.table[["segment_id", "speaker"]].copy()
        return table.assign(level_db=20.0 * np.log10(np.maximum(_rms(self.audio), SILENCE)))


def _rms(audio: np.ndarray) -> np.ndarray:
    return np.asarray(np.sqrt(np.square(audio, dtype=np.float64).mean(1)), np.float32)


def spread(count: int) -> np.ndarray:
    """0 .. count - 1 in an order of which every beginning is spread over all (bits reversed)."""
    bits = max(1, (count - 1).bit_length())
    order = [int(f"{place:0{bits}b}"[::-1], 2) for place in range(1 << bits)]
    return np.array([place for place in order if place < count])


def load_clips(settings: Evaluation, corpus: str) -> Clips:
    """The clean side of a corpus' test clips, at most `items` evenly spread over those that no room response is in, as
    the paper codes dry speech; raises PipelineError when there are none.
    """
    segments = SegmentStore(DATA / corpus).load(settings.split)
    dry = np.flatnonzero(segments.table["room"].fillna("") == "")
    if not len(dry):
        raise PipelineError(f"{DATA / corpus}: no clip of split {settings.split} is without a room response; "
                            f"lower corpora.{corpus}.reverb")  # fmt: skip
    chosen = dry[np.unique(np.linspace(0, len(dry) - 1, min(settings.items, len(dry))).round().astype(int))]
    return Clips.of(segments.table.iloc[chosen], segments.clean[chosen])


@dataclass(frozen=True)
class Bench:
    """A run's model of one seed on the bench."""

    name: str
    row: TfRow
    settings: Evaluation
    model: TfCodec
    coder: TfCodecCoder
    counts: np.ndarray
    fingerprint: str
    seed: int
    number: int

    def identity(self) -> dict[str, Any]:
        """The columns that say which model a row belongs to."""
        return {"run": self.name, "seed": self.number}

    def description(self) -> dict[str, Any]:
        """The row of `runs.tfcodec` as columns of the item table."""
        row = self.row
        return {
            "kbps_target": row.kbps, "groups": row.groups, "codewords": row.codewords, "predictor": row.predictor,
            "power_mode": row.power, "quantiser": row.quantiser, "adversarial": row.adversarial,
            "feature_matching": row.feature_matching, "loss_aware": row.loss_aware,
        }  # fmt: skip


def set_up(params: Params, name: str, number: int = 0) -> Bench:
    """Load the model of a run's `number`-th seed and the code tables of its training statistics."""
    model = load_model(params, name, number)
    assert isinstance(model, TfCodec)
    counts = load_tensors(model_folder(name, number) / "tables.safetensors")["counts"].numpy()
    tables = tables_of(counts)
    fingerprint = coder_fingerprint(model, tables)
    coder = TfCodecCoder(model, tables, fingerprint)
    return Bench(
        name, params.run(name), params.evaluation.tfcodec, model, coder, counts, fingerprint, params.seed, number
    )


@dataclass(frozen=True)
class Pass:
    """A batch of clips through encoder and loop: their places, and the latents."""

    places: slice
    output: LoopOutput


def passes(model: TfCodec, audio: np.ndarray, title: str) -> Iterator[Pass]:
    """Clips (n, samples) through the encoder and the true loop, BATCH at a time."""
    for start in track(range(0, len(audio), BATCH), title):
        places = slice(start, min(start + BATCH, len(audio)))
        with torch.no_grad():
            yield Pass(places, model.loop(model.encode_latent(torch.from_numpy(audio[places]))))


def decode(model: TfCodec, indices: np.ndarray, samples: int, lost: np.ndarray | None = None) -> np.ndarray:
    """Audio (n, samples) of indices (n, G, S), without the packets that are `lost`, bool (n, S, 2)."""
    out = []
    for start in range(0, len(indices), BATCH):
        part = slice(start, start + BATCH)
        mask = None if lost is None else torch.from_numpy(lost[part])
        out.append(model.decode(torch.from_numpy(indices[part]), samples, mask).numpy())
    return np.concatenate(out)
