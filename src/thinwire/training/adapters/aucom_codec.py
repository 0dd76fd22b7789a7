"""AuComNet in the training loop: mel features of 5 s chunks, and the normalisation and code tables that go with the
weights.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from thinwire import kaldi
from thinwire.coding.coders import EntropyCoder
from thinwire.corpora.universal import chunks_of
from thinwire.errors import ParamError
from thinwire.nn.trainable import Trainable
from thinwire.params import Params
from thinwire.progress import track
from thinwire.systems.aucom.codec_net import AuComNet
from thinwire.systems.aucom.coder import AucomCoder, coder_fingerprint
from thinwire.systems.aucom.feature_codec import FeatureNet
from thinwire.systems.aucom.normalisation import measure_tables
from thinwire.systems.aucom.system import AucomCodecSystem
from thinwire.systems.aucom.tables import count_symbols, count_tensors, tables_at
from thinwire.training.adapters.segments import ID_COLUMNS, SPLITS, Reader
from thinwire.training.build import Splits, load_model, model_folder
from thinwire.training.loop import TensorData
from thinwire.training.state import load_tensors

MEASURED = 4000
"""Training chunks at most, evenly spread, of which tables are made: 5.6 hours."""
_AT_ONCE = 12


def load(params: Params, name: str, folders: list[Path]) -> Splits:
    """Features `clean` (n, H, L) of chunks; folders may hold segments of different lengths."""
    settings = params.systems.aucom_codec
    samples = settings.chunk_frames * kaldi.HOP
    readers = [Reader([folder]) for folder in folders]
    parts: dict[str, list[np.ndarray]] = {split: [] for split in SPLITS}
    for split in SPLITS:
        for reader in readers:
            for segments in reader.of(split):
                parts[split].append(features_of(chunks_of(segments, samples), settings.n_mels))
    train, dev = (TensorData({"clean": torch.from_numpy(np.concatenate(parts[split]))}) for split in SPLITS)
    for split, data in zip(SPLITS, (train, dev), strict=True):
        if not len(data):
            where = ", ".join(map(str, folders))
            raise ParamError(f"{where}: less than {settings.chunk_s:g} s in split {split}; make the corpus larger")
    seen = {column: sorted({one for reader in readers for one in reader.seen[column]}) for column in ID_COLUMNS}
    return Splits(train, dev, {"frames": settings.chunk_frames}, seen, settings.crop_frames / kaldi.FRAME_RATE)


def features_of(chunks: np.ndarray, n_mels: int) -> np.ndarray:
    """Features (n, H, L) of chunks (n, samples)."""
    out = np.empty((len(chunks), n_mels, kaldi.frames_of(chunks.shape[1])), np.float32)
    for start in track(range(0, len(chunks), _AT_ONCE), "mel features"):
        out[start : start + _AT_ONCE] = kaldi.fbank(chunks[start : start + _AT_ONCE], n_mels)
    return out


def build(params: Params, name: str, facts: dict[str, int], to_train: bool) -> Trainable:
    return AucomCodecSystem(params.systems.aucom_codec, params.run(name))


def fit(system: Trainable, splits: Splits) -> None:
    net = system.deployed()
    assert isinstance(net, FeatureNet)
    net.fit_statistics(splits.train.tensors["clean"])


def derived(system: Trainable, train: TensorData) -> dict[str, dict[str, Tensor]]:
    """`tables`: normalisation tables, and counts for the code tables of each tau."""
    assert isinstance(system, AucomCodecSystem)
    return {"tables": tables_of(system.model, train.tensors["clean"], system.settings.taus)}


@torch.inference_mode()
def tables_of(net: FeatureNet, f: Tensor, taus: list[float]) -> dict[str, Tensor]:
    """What is kept beside the weights (section 4.3.4): normalisation tables `mu`, `sigma` (rows, T) from training
    features f (n, H, L), then `taus` and `counts` of the symbols under them. The net has the tables afterwards.
    """
    net.eval()
    chosen = f[torch.linspace(0, len(f) - 1, min(MEASURED, len(f))).round().long()].to(net.feature_mean.device)
    batches = track(chosen.split(_AT_ONCE), "normalisation tables")
    latents = torch.cat([net.latent(batch) for batch in batches])
    scale = measure_tables(latents.split(_AT_ONCE))
    net.normalisation.attach(scale.mu, scale.sigma)
    normalised = net.normalisation.tables.normalise(latents)
    counts = {tau: count_symbols([torch.round(normalised / tau).cpu().numpy()]) for tau in taus}
    tables = {name: torch.from_numpy(value) for name, value in count_tensors(counts).items()}
    return {"mu": scale.mu.cpu(), "sigma": scale.sigma.cpu()} | tables


def load_codec(params: Params, name: str, seed: int = 0) -> AuComNet:
    """The trained codec of a run with its normalisation tables, frozen; raises CheckpointError for weights or tables of
    another model.
    """
    net = load_model(params, name, seed)
    assert isinstance(net, AuComNet)
    tensors = load_tensors(model_folder(name, seed) / "tables.safetensors")
    net.normalisation.attach(tensors["mu"], tensors["sigma"])
    return net


def load_coder(params: Params, name: str, tau: float, coder: EntropyCoder = "huffman", seed: int = 0) -> AucomCoder:
    """The trained codec of a run with its code tables of one tau; raises CheckpointError as `load_codec`, and where tau
    has no tables.
    """
    net = load_codec(params, name, seed)
    tensors = {key: t.numpy() for key, t in load_tensors(model_folder(name, seed) / "tables.safetensors").items()}
    tables = tables_at(tensors, tau)
    fingerprint = coder_fingerprint(net, tables, tau, tensors["mu"], tensors["sigma"])
    return AucomCoder(net, tables, fingerprint, tau, coder)
