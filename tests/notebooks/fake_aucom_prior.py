"""Codecs with random weights and a few chunks, for what the notebook rate_distortion computes of AUCOM's prior; for
tests only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from thinwire.params import load_params
from thinwire.segments import SegmentWriter
from thinwire.systems.aucom.codec_net import AuComNet
from thinwire.training.state import save_tensors, save_weights

RUNS = ("aucom_v1", "aucom_v2", "aucom_v3")
RATE = 16_000


def write_prior(root: Path, chunks: int = 4) -> None:
    """models/<codec> where there is none, and data/segments/universal with `chunks` test chunks."""
    params = load_params(root / "params.yaml")
    settings = params.systems.aucom_codec
    for number, run in enumerate(RUNS):
        folder = root / "models" / run
        folder.mkdir(parents=True, exist_ok=True)
        with torch.random.fork_rng():
            torch.manual_seed(number)
            net = AuComNet(settings, params.run(run))
        save_weights(folder / "model.safetensors", net)
        if not (folder / "tables.safetensors").exists():
            shape = (net.rows, net.columns)
            save_tensors(folder / "tables.safetensors", {"mu": torch.zeros(shape), "sigma": torch.full(shape, 0.05)})
    write_chunks(root / "data" / "segments" / "universal", round(settings.chunk_s * RATE), chunks)


def write_chunks(folder: Path, samples: int, chunks: int) -> None:
    """Tones that come and go, in noise."""
    rng, t = np.random.default_rng(59), np.arange(samples) / RATE
    with SegmentWriter(folder, "universal", ["mono"]) as writer:
        for k in range(chunks):
            clean = 0.1 * np.sin(2 * np.pi * (200 + 90 * k) * t) * np.sin((2 + k) * t) ** 2
            audio = (clean + 0.01 * rng.standard_normal(samples)).astype(np.float32)
            writer.add(audio[None], audio, segment_id=f"librispeech_eval_{k:05d}", split="eval", session="librispeech",
                       speaker="s", start_s=0.0, end_s=samples / RATE)  # fmt: skip
