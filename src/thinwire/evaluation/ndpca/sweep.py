"""Rate-distortion sweep in floats, allocation, and predictors to compare with (Fig. 3 and 4)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch

from thinwire.channel.capacity import budget, fading_trace, per_second, read_trace
from thinwire.evaluation.ndpca.common import Bench
from thinwire.metrics.spectral import psnr
from thinwire.params.channel import Channel
from thinwire.progress import track
from thinwire.seeding import derive_seed
from thinwire.systems.ndpca.losses import latent_losses, spectral_losses
from thinwire.systems.ndpca.representation import magnitude_of
from thinwire.tasks.enhancement import Enhancer

PEAK = (
    "MAX is the largest ground-truth compressed magnitude of each item; "
    "PSNR is of compressed magnitudes unless said otherwise"
)


def sweep(bench: Bench, enhancer: Enhancer) -> pd.DataFrame:
    """One row per (item, bottleneck, m): PSNR and spectral SNR against clean and noisy magnitudes, MSE, and the
    task's distortion on a subset.
    """
    clean, noisy = bench.clean, bench.noisy
    peak, peak_noisy = (20.0 * np.log10(x.max((-2, -1))) for x in (clean, noisy))
    power, power_noisy = (10.0 * np.log10(np.square(x, dtype=np.float64).mean((-2, -1))) for x in (clean, noisy))
    some = bench.subset(bench.settings.perceptual_items)
    worst = _distortion(bench, enhancer, some, torch.from_numpy(noisy[some, 0]))
    own = next(iter(bench.bottlenecks))
    rows = []
    points = [(mode, m) for mode in bench.bottlenecks for m in bench.grid(mode)]
    for mode, m in track(points, f"sweep {bench.name}"):
        decoded = magnitude_of(bench.decode(mode, m), bench.run.representation).numpy()
        table = bench.items().assign(**bench.identity(), bottleneck=mode, m=m)
        # 1 / MSE in dB, once for all measures: PSNR, SNR and MSE differ by levels that no estimate changes.
        error, error_noisy = psnr(clean, decoded, 1.0), psnr(noisy, decoded[:, None], 1.0)
        table["psnr_magnitude"], table["snr_spectral"] = peak + error, power + error
        table["psnr_magnitude_noisy"] = (peak_noisy + error_noisy).mean(1)
        table["snr_spectral_noisy"] = (power_noisy + error_noisy).mean(1)
        table["mse"] = 10.0 ** (-error / 10.0)
        table["distortion"] = np.nan
        if mode == own and len(some):
            table.loc[some, "distortion"] = _distortion(bench, enhancer, some, torch.from_numpy(decoded[some])) / worst
        rows.append(table)
    return pd.concat(rows, ignore_index=True)


def _distortion(bench: Bench, enhancer: Enhancer, some: np.ndarray, decoded: torch.Tensor) -> np.ndarray:
    """The enhancement loss of each item, with the same noise for every model; divided by that of the first microphone
    it is normalised (Fig. 4).
    """
    generator = torch.Generator().manual_seed(derive_seed(bench.seed, "distortion"))
    return enhancer.distortion(torch.from_numpy(bench.clean[some]), decoded, generator).numpy()


def allocation(bench: Bench) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Components per encoder: by the fitted order for each bottleneck and m, and by energy in each scene, beside its
    microphones' SNR.

    The second asks what a choice made for the scene alone would be: the m largest squared coefficients of the item.
    """
    names = [
        " ".join(group)
        for group in np.array_split(np.array(bench.segments.table["sources"].iloc[0], dtype=object), bench.model.groups)
    ]
    fixed = [
        {"bottleneck": mode, "m": m, "source": names[i], "components": int(count)}
        for mode, bottleneck in bench.bottlenecks.items()
        for m in bench.grid(mode)
        for i, count in enumerate(bottleneck.counts(m))
    ]
    scenes = []
    bottleneck = next(iter(bench.bottlenecks.values()))
    size = bench.model.latent
    energy = [(z - mean) @ v for z, mean, v in zip(bench.latents, bottleneck.mean, bottleneck.directions, strict=True)]
    pooled = np.square(np.concatenate(energy, axis=1))
    owner = np.repeat(np.arange(len(energy)), [e.shape[1] for e in energy])
    ranks = np.argsort(-pooled, axis=1)
    snr = np.stack([np.asarray(x, float) for x in bench.segments.table["snr_db"]])
    group_snr = np.stack([part.max(1) for part in np.array_split(snr, bench.model.groups, axis=1)], axis=1)
    for m in [m for m in bench.settings.grid if m <= size]:
        for row, segment in enumerate(bench.segments.table["segment_id"]):
            counts = np.bincount(owner[ranks[row, :m]], minlength=len(energy))
            scenes += [
                {
                    "m": m,
                    "segment_id": segment,
                    "source": names[i],
                    "components": int(counts[i]),
                    "snr_db": group_snr[row, i],
                }
                for i in range(len(energy))
            ]
    return pd.DataFrame(fixed), pd.DataFrame(scenes)


def predictors(bench: Bench) -> dict[str, Any]:
    """PSNR of predicting nothing and of predicting the training mean spectrum: what a model must beat to
    mean anything.
    """
    clean, peak = bench.clean, bench.clean.max((1, 2))
    mean = np.broadcast_to(bench.mean_spectrum.numpy()[None, :, None], clean.shape)
    return {
        "zero": float(psnr(clean, np.zeros_like(clean), peak).mean()),
        "mean_spectrum": float(psnr(clean, mean, peak).mean()),
        "mean_spectrum_items": [float(x) for x in psnr(clean, mean, peak)],
        "peak": PEAK,
        "test_items": len(clean),
        "training_items": bench.training_items,
    }


def losses(bench: Bench) -> dict[str, float]:
    """Every named loss on the test items at full width (Tables 1 to 4)."""
    z = [torch.from_numpy(x).float() for x in bench.latents]
    own = next(iter(bench.bottlenecks))
    output = bench.decode(own, bench.model.latent)
    named = spectral_losses(bench.data.clean.float(), output, bench.run.representation) | latent_losses(z, z)
    return {name: float(value) for name, value in named.items()}


def follow(bench: Bench, channel: Channel) -> pd.DataFrame:
    """The coder following a capacity trace second by second, with one model: m(t) by Eq. 3, PSNR of the item sent in
    that second.
    """
    if channel.trace:
        trace = read_trace(channel.trace)
    else:
        trace = fading_trace(
            channel.seconds,
            channel.bandwidth_hz,
            channel.mean_snr_db,
            channel.correlation,
            derive_seed(bench.seed, "channel"),
        )
    trace = per_second(trace, channel.seconds)
    floats = budget(trace.bits_per_s, 10.0 ** (channel.sigma2_over_d_db / 10.0), 1.0, channel.symbols_per_float)
    clean, peak = bench.clean, bench.clean.max((1, 2))
    own = next(iter(bench.bottlenecks))
    rows = []
    for t, (capacity, m) in enumerate(zip(trace.bits_per_s, floats, strict=True)):
        item = t % len(clean)
        used = int(min(m, bench.model.latent))
        decoded = magnitude_of(bench.decode(own, used, np.array([item])), bench.run.representation).numpy()
        value = float(psnr(clean[item], decoded[0], peak[item]))
        rows.append({"t_s": t, "capacity_bps": capacity, "m": int(m), "m_sent": used, "psnr_magnitude": value,
                     "segment_id": bench.segments.table["segment_id"].iloc[item]})  # fmt: skip
    return pd.DataFrame(rows)
