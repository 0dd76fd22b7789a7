"""Clean and noisy spectrograms, magnitude and phase (Fig. 6) and in three dimensions (Fig. 7), with numbers to what
they show.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from thinwire.audio import SAMPLE_RATE
from thinwire.claims import Verdict, judge_ordering, judge_shown
from thinwire.figures.paths import Page
from thinwire.figures.results import SEED
from thinwire.figures.style import SPECTRUM_MAP, caption
from thinwire.metrics.statistics import bootstrap_mean
from thinwire.segments import Segments, SegmentStore
from thinwire.signal.stft import stft

FLOOR_DB = -80.0
SPLIT_HZ = 4000.0
CONCENTRATION = 1e-10  # added to power over its frame's maximum: digital silence has no spectrum to measure


@dataclass(frozen=True)
class Pair:
    """One item's complex spectra, (bins, frames), and its samples a second and hop, for the axes."""

    segment_id: str
    clean: np.ndarray
    noisy: np.ndarray
    hop_s: float
    snr_db: float

    @property
    def reference(self) -> float:
        """0 dB: the clean item's largest magnitude."""
        return float(np.abs(self.clean).max())


def load_segments(page: Page) -> Segments:
    """The test segments that evaluation uses."""
    ndpca = page.params.evaluation.ndpca
    return SegmentStore(page.path("data", "segments", "chime6")).load(ndpca.split, ndpca.items)


def spectra(page: Page, segments: Segments) -> tuple[np.ndarray, np.ndarray]:
    """Complex STFTs (n, bins, frames) of clean and of the first noisy source, with the codec's own window and hop."""
    spectrum = page.params.systems.ndpca.spectrum
    clean, noisy = (
        stft(torch.from_numpy(np.ascontiguousarray(x)), spectrum.n_fft, spectrum.hop_length).numpy()
        for x in (segments.clean, segments.noisy[:, 0])
    )
    return clean, noisy


def choose_item(table: pd.DataFrame) -> int:
    """The item whose first source has the median SNR: neither the best nor the worst (no SNR known: the middle one)."""
    snr = np.array([np.asarray(row, float)[0] for row in table["snr_db"]])
    if np.isnan(snr).all():
        return len(table) // 2
    return int(np.nanargmin(np.abs(snr - np.nanmedian(snr))))


def pair_of(page: Page, segments: Segments, clean: np.ndarray, noisy: np.ndarray, index: int) -> Pair:
    """One item to draw."""
    row = segments.table.iloc[index]
    return Pair(
        row["segment_id"],
        clean[index],
        noisy[index],
        page.params.systems.ndpca.spectrum.hop_length / SAMPLE_RATE,
        float(row["snr_db"][0]),
    )


def decibel(spectrum: np.ndarray, reference: float) -> np.ndarray:
    """Magnitude in dB over a reference, with a floor."""
    return np.maximum(20 * np.log10(np.abs(spectrum) / reference + 1e-12), FLOOR_DB)


def draw_pair(pair: Pair) -> Figure:
    """Fig. 6: magnitude and phase of clean and noisy on one scale."""
    fig, panels = plt.subplots(2, 2, figsize=(10.0, 6.2), sharex=True, sharey=True)
    extent = (0.0, pair.clean.shape[1] * pair.hop_s, 0.0, SAMPLE_RATE / 2000)
    for row, (name, spectrum) in enumerate(
        (("clean (worn microphone)", pair.clean), ("noisy (first source)", pair.noisy))
    ):
        level = decibel(spectrum, pair.reference)
        options = {"origin": "lower", "aspect": "auto", "extent": extent, "interpolation": "nearest"}
        image = panels[row][0].imshow(level, cmap=SPECTRUM_MAP, vmin=-70, vmax=10, **options)
        panels[row][0].set(title=f"{name}: magnitude, peak {level.max():+.1f} dB", ylabel="frequency (kHz)")
        turn = panels[row][1].imshow(np.angle(spectrum), cmap="twilight", vmin=-np.pi, vmax=np.pi, **options)
        panels[row][1].set_title(f"{name}: phase")
        for axes in panels[row]:
            axes.grid(visible=False)
    for axes in panels[1]:
        axes.set_xlabel("time (s)")
    fig.colorbar(image, ax=panels[:, 0], label="magnitude (dB over the clean peak)", shrink=0.8)
    bar = fig.colorbar(turn, ax=panels[:, 1], label="phase (rad)", shrink=0.8, ticks=[-np.pi, 0, np.pi])
    bar.ax.set_yticklabels(["-π", "0", "π"])
    snr = "SNR not known" if np.isnan(pair.snr_db) else f"SNR of the source {pair.snr_db:.1f} dB"
    caption(
        fig,
        f"Test segment {pair.segment_id}, {snr}. 0 dB is the clean item's largest "
        "magnitude; the paper's 0 and 20 dB peaks reflect a scaling before the logarithm that it does not state. "
        "No model is shown here.",
    )
    return fig


def draw_surface(pair: Pair) -> Figure:
    """Fig. 7: power spectrograms as surfaces."""
    fig = plt.figure(figsize=(11.0, 4.9))
    bins, frames = pair.clean.shape
    step = max(1, bins // 128)
    kilohertz = np.arange(bins)[::step] * SAMPLE_RATE / 2000 / (bins - 1)
    seconds = np.arange(frames) * pair.hop_s
    for place, (name, spectrum) in enumerate((("clean", pair.clean), ("noisy", pair.noisy)), 1):
        axes = fig.add_subplot(1, 2, place, projection="3d")
        power = decibel(spectrum, pair.reference)
        # The loudest bin of each group is drawn, so that thinning keeps the peaks.
        tall = np.stack([power[i : i + step].max(0) for i in range(0, bins, step)])
        axes.plot_surface(
            *np.meshgrid(seconds, kilohertz[: len(tall)]),
            tall,
            cmap=SPECTRUM_MAP,
            vmin=-70,
            vmax=5,
            rstride=1,
            cstride=1,
            linewidth=0,
        )
        axes.set(xlabel="time (s)", ylabel="frequency (kHz)", zlim=(FLOOR_DB, 10), title=f"{name}: power")
        axes.set_zlabel("power (dB over the clean peak)", labelpad=6)
        axes.view_init(elev=32, azim=-52)
        axes.set_box_aspect(None, zoom=0.86)
    caption(fig, f"Test segment {pair.segment_id}; the loudest of every {step} bins. No model is shown here.")
    return fig


def measures(clean: np.ndarray, noisy: np.ndarray, segments: Segments) -> pd.DataFrame:
    """Per item and signal: peak_db (over the clean peak), centroid_hz, flatness, high_share (power above 4 kHz)."""
    frames = []
    reference = np.abs(clean).max((1, 2))
    hertz = np.linspace(0, SAMPLE_RATE / 2, clean.shape[1])
    for name, spectrum in (("clean", clean), ("noisy", noisy)):
        power = np.abs(spectrum).astype(np.float64) ** 2
        total = power.sum((1, 2)).clip(1e-20)
        loud = power + CONCENTRATION * power.max((1, 2), keepdims=True) + 1e-30
        flatness = (np.exp(np.log(loud).mean(1)) / loud.mean(1)).mean(1)
        frames.append(
            pd.DataFrame(
                {
                    "segment_id": segments.table["segment_id"],
                    "signal": name,
                    "peak_db": 20 * np.log10(np.abs(spectrum).max((1, 2)) / reference.clip(1e-12) + 1e-12),
                    "centroid_hz": (power.sum(2) @ hertz) / total,
                    "flatness": flatness,
                    "high_share": power[:, hertz >= SPLIT_HZ].sum((1, 2)) / total,
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Median peak and mean shape of both signals, and their paired difference; `table` is `measures`."""
    wide = table.pivot_table(index="segment_id", columns="signal")
    units = {"peak_db": "dB", "centroid_hz": "Hz", "flatness": "1", "high_share": "1"}
    rows = []
    for name, unit in units.items():
        pair = [wide[name][signal].to_numpy() for signal in ("clean", "noisy")]
        gap = bootstrap_mean(pair[1] - pair[0], SEED)
        centre = [float(np.median(x) if name == "peak_db" else np.mean(x)) for x in pair]
        rows.append((name, unit, *centre, gap.mean, gap.low, gap.high, len(wide)))
    return pd.DataFrame(rows, columns=["measure", "unit", "clean", "noisy", "difference", "low", "high", "items"])


def judge(page: Page, table: pd.DataFrame) -> list[Verdict]:
    """Fig. 6 and 7; `table` is `measures`."""
    wide = table.pivot_table(index="segment_id", columns="signal")
    clean, noisy = float(wide["peak_db"]["clean"].median()), float(wide["peak_db"]["noisy"].median())
    difference = {name: (wide[name]["noisy"] - wide[name]["clean"]).to_numpy() for name in ("flatness", "high_share")}
    seed, draws = SEED, page.params.evaluation.bootstrap
    spread = bootstrap_mean(difference["flatness"], seed, draws)
    checks = {"clean_peak": abs(clean) < 1e-6, "noisy_peak": abs(noisy - 20.0) <= 3.0, "spread": spread.low > 0}
    figures = [page.evidence("figures", "clean_noisy"), page.evidence("tables", "summary")]
    surface = [page.evidence("figures", "surface"), page.evidence("tables", "summary")]
    reason = f"noisy peak {noisy:+.1f} dB over the clean one; "
    reason += f"flatness {spread.mean:+.3g} [{spread.low:+.3g}, {spread.high:+.3g}]"
    pairs = {"flatness": difference["flatness"], "share above 4 kHz": difference["high_share"]}
    return [
        judge_shown(
            page.claims["ndpca.fig6_clean_noisy_spec"],
            checks,
            {"clean": clean, "noisy": noisy},
            reason=reason,
            evidence=figures,
        ),
        judge_ordering(page.claims["ndpca.fig7_3d_power"], pairs, None, evidence=surface, seed=seed, draws=draws),
    ]
