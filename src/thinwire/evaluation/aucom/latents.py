"""The latent before and after normalisation: how Gaussian its positions are, and what Eq. 5 saves (Fig. 2, Eq. 6)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy.special import ndtr
from torch import Tensor

from thinwire.corpora.universal import chunks_of
from thinwire.kaldi import HOP
from thinwire.progress import track
from thinwire.segments import SegmentStore
from thinwire.systems.aucom.feature_codec import FeatureNet
from thinwire.systems.aucom.normalisation import Scale
from thinwire.training.adapters.aucom_codec import features_of

SPLITS = ("dev", "eval")
STEPS = tuple(2.0**power for power in range(-3, 4))
POOLED = 4000
_AT_ONCE = 4
_TINY = 1e-12


@torch.inference_mode()
def latents_of(net: FeatureNet, folder: Path) -> Tensor:
    """r (n, rows, columns) of the chunks of dev and eval in a segment folder."""
    store, samples = SegmentStore(folder), net.chunk_frames * HOP
    chunks = np.concatenate([chunks_of(store.load(split), samples) for split in SPLITS])
    features = torch.from_numpy(features_of(chunks, net.n_mels))
    return torch.cat([net.latent(part) for part in track(features.split(_AT_ONCE), "latents")])


def position_table(r: np.ndarray) -> pd.DataFrame:
    """Each position (row, time) of latents (n, rows, columns) by its own n values: `mu`, `sigma`, `skewness`, excess
    `kurtosis`, and `ks`, the Kolmogorov-Smirnov distance to the normal of that mean and deviation. A position that
    never changes has no shape (NaN).
    """
    count, rows, columns = r.shape
    values = np.sort(r.reshape(count, -1).astype(np.float64), axis=0)
    mu, sigma = values.mean(0), values.std(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        z = np.where(sigma > _TINY, (values - mu) / sigma, np.nan)
    below = ndtr(z)
    place = np.arange(count)[:, None]
    distance = np.maximum((place + 1) / count - below, below - place / count).max(0)
    return pd.DataFrame(
        {
            "row": np.repeat(np.arange(rows), columns),
            "time": np.tile(np.arange(columns), rows),
            "mu": mu,
            "sigma": sigma,
            "skewness": (z**3).mean(0),
            "kurtosis": (z**4).mean(0) - 3.0,
            "ks": distance,
            "n": count,
        }
    )


def densities(r: np.ndarray, tables: Scale) -> dict[str, np.ndarray]:
    """`r` and `normalised` (n, 3) of three positions that were fixed before training (a quarter, half and three
    quarters of either axis), `pooled` and `pooled_normalised`, at most POOLED values of all positions, evenly spread.
    """
    _, rows, columns = r.shape
    normalised = tables.normalise(torch.from_numpy(r)).numpy()
    at = [(rows * k // 4, columns * k // 4) for k in (1, 2, 3)]
    picks = np.unique(np.linspace(0, r.size - 1, min(POOLED, r.size)).round().astype(int))
    return {
        "r": np.stack([r[:, row, time] for row, time in at], 1),
        "normalised": np.stack([normalised[:, row, time] for row, time in at], 1),
        "pooled": r.ravel()[picks],
        "pooled_normalised": normalised.ravel()[picks],
    }


def normalisation_table(r: np.ndarray, tables: Scale) -> pd.DataFrame:
    """Rounding latents (n, rows, columns) as they are (`raw`) and normalised by the tables, for STEPS: `entropy_bits` a
    symbol, empirical, all positions in one histogram, and `mse` of r. Eq. 6 compares them at one step, where
    normalising also changes the distortion; the table lets them be compared at one distortion too.
    """
    normalised = tables.normalise(torch.from_numpy(r)).numpy().astype(np.float64)
    sigma, mu = (part.numpy().astype(np.float64) for part in (tables.sigma, tables.mu))
    raw, lines = r.astype(np.float64), []
    for kind, values in (("raw", raw), ("normalised", normalised)):
        for step in STEPS:
            symbols = np.rint(values / step)
            back = symbols * step if kind == "raw" else symbols * step * sigma + mu
            lines.append((kind, step, _entropy_bits(symbols), float(np.square(back - raw).mean())))
    return pd.DataFrame(lines, columns=["kind", "step", "entropy_bits", "mse"])


def _entropy_bits(symbols: np.ndarray) -> float:
    """Empirical entropy of all symbols together."""
    counts = np.unique(symbols, return_counts=True)[1]
    shares = counts / counts.sum()
    return float(-(shares * np.log2(shares)).sum()) + 0.0


def save_latents(net: FeatureNet, data: Path, run: str, folder: Path) -> None:
    """Write positions.parquet, densities.npz and normalisation.parquet of the chunks in the segment folder `data`."""
    r, tables = latents_of(net, data).numpy(), net.normalisation.tables
    position_table(r).assign(run=run).to_parquet(folder / "positions.parquet", index=False)
    np.savez_compressed(folder / "densities.npz", **densities(r, tables))  # type: ignore[arg-type]
    normalisation_table(r, tables).assign(run=run).to_parquet(folder / "normalisation.parquet", index=False)
