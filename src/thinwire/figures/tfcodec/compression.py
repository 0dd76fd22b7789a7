"""What the power of the input compression does (section III-B): its curve, and a clip's spectrogram under it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from thinwire.audio import SAMPLE_RATE
from thinwire.figures.listen import same_loudness
from thinwire.figures.paths import Page
from thinwire.figures.style import SPECTRUM_MAP, caption
from thinwire.figures.tfcodec.runs import facts, nominal_name, rate_style, run_name
from thinwire.signal.causal_stft import causal_stft


def power_table(page: Page, runs: Sequence[str]) -> pd.DataFrame:
    """The power in use in every run, and whether it was learned."""
    rows = [
        (
            run_name(page, run),
            run,
            page.params.run(run).kbps,
            page.params.run(run).power,
            float(facts(page, run)["power"]),
        )
        for run in runs
    ]
    return pd.DataFrame(rows, columns=["system", "run", "kbps", "kind", "power"])


def draw_compression(page: Page, audio: np.ndarray, runs: Sequence[str], note: str) -> Figure:
    """What a power does: the curve |X|^p, and one clip's spectrogram compressed by the largest and the smallest."""
    powers = {run: float(facts(page, run)["power"]) for run in runs}
    ends = {"raised to p = 1": 1.0} | {
        f"{run_name(page, run)}: p = {powers[run]:.3f}": powers[run]
        for run in dict.fromkeys([max(runs, key=powers.__getitem__), min(runs, key=powers.__getitem__)])
    }
    fig, panels = plt.subplots(1, 1 + len(ends), figsize=(3.4 * (1 + len(ends)), 3.5))
    level = np.logspace(-4, 0, 200)
    for run, power in powers.items():
        row = page.params.run(run)
        fixed = {"linestyle": "--", "markerfacecolor": "white"} if row.power == "fixed" else {}
        panels[0].plot(20 * np.log10(level), level**power, **rate_style(row.kbps) | fixed, markevery=40)
    panels[0].set(xlabel="level |X| (dB re maximum)", ylabel="compressed level |X|$^p$ (1)", title="The compression")
    panels[0].legend(
        [f"{nominal_name(page, run)}: {power:.3f}" for run, power in powers.items()], loc="upper left", fontsize=7
    )
    magnitude = _magnitude(page, same_loudness(audio))
    for axes, (name, power) in zip(panels[1:], ends.items(), strict=True):
        axes.grid(visible=False)
        image = axes.imshow(
            magnitude**power, origin="lower", aspect="auto", cmap=SPECTRUM_MAP, vmin=0, vmax=1, interpolation="nearest",
            extent=(0.0, len(audio) / SAMPLE_RATE, 0.0, 8.0),
        )  # fmt: skip
        axes.set(title="\n".join(textwrap.wrap(name, 34)), xlabel="time (s)", ylabel="frequency (kHz)")
        axes.title.set_fontsize(8.5)
    fig.colorbar(image, ax=panels[1:], label="compressed level (1)", shrink=0.85)
    caption(fig, "The smaller the power, the more the codec cares for quiet detail. " + note)
    return fig


def _magnitude(page: Page, audio: np.ndarray) -> np.ndarray:
    """|X| over its maximum, (F, T), with the codec's own window and hop."""
    spectrum = page.params.systems.tfcodec.spectrum
    frames = causal_stft(torch.from_numpy(audio)[None], spectrum.n_fft, spectrum.hop_length)[0]
    magnitude = frames.abs().numpy()
    return magnitude / max(float(magnitude.max()), 1e-9)
