"""A look inside one clip: every point of the chain from spectrum to spectrum, its codewords and its bits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from thinwire.figures.paths import Page
from thinwire.figures.style import GREY, SPECTRUM_MAP, caption
from thinwire.figures.tfcodec.runs import run_name

FRAME_S = 0.01
FLOOR_DB = -80.0
LATENTS = {
    "x_r": "encoder output $x^R$",
    "x_p": "prediction $x^P$",
    "x_n": "coded features $x^N$",
    "x_hat_n": "quantised $\\hat{x}^N$",
    "x_hat_r": "reconstructed $\\hat{x}^R$",
}


@dataclass(frozen=True)
class Look:
    """features.npz of a run: the clips' ids, and arrays by `item<i>/<name>`."""

    run: str
    name: str
    items: list[str]
    data: dict[str, np.ndarray]

    def of(self, item: int, name: str) -> np.ndarray | None:
        """An array of one clip, None where the run has none (a prediction without predictor)."""
        return self.data.get(f"item{item}/{name}")


def load_look(page: Page, run: str) -> Look:
    """Read features.npz (no pickles); half precision becomes single."""
    with np.load(page.path("results", run, "features.npz"), allow_pickle=False) as store:
        data = {name: store[name] for name in store.files}
    data = {name: value.astype(np.float32) if value.dtype == np.float16 else value for name, value in data.items()}
    return Look(run, run_name(page, run), [str(name) for name in data["segment_ids"]], data)


def show_spectrum(axes: Axes, values: np.ndarray, title: str) -> Any:
    """A spectrogram (F, T) in dB over time and frequency."""
    axes.grid(visible=False)
    image = axes.imshow(
        values, origin="lower", aspect="auto", interpolation="nearest", cmap=SPECTRUM_MAP, vmin=FLOOR_DB, vmax=0.0,
        extent=(0.0, values.shape[1] * FRAME_S, 0.0, 8.0),
    )  # fmt: skip
    axes.set(title=title, ylabel="frequency (kHz)")
    return image


def show_latent(axes: Axes, values: np.ndarray, title: str, **scale: Any) -> Any:
    """A latent (C, T) over time, blue below zero and red above."""
    axes.grid(visible=False)
    limit = float(np.quantile(np.abs(values), 0.995)) or 1.0
    options: dict[str, Any] = {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit} | scale
    image = axes.imshow(
        values, origin="lower", aspect="auto", interpolation="nearest",
        extent=(0.0, values.shape[1] * FRAME_S, 0.0, len(values)), **options,
    )  # fmt: skip
    axes.set(title=title, ylabel="channel")
    return image


def draw_chain(look: Look, item: int = 0, note: str = "") -> Figure:
    """One clip through one codec: spectrum, latents in order, codewords, bits a step, and the decoded spectrum."""
    latents = [(label, values) for name, label in LATENTS.items() if (values := look.of(item, name)) is not None]
    fig, panels = plt.subplots(4, 2, figsize=(11.4, 9.2), sharex=True)
    axes = list(panels.T.flat)
    spectrum, decoded, indices, bits = (look.of(item, name) for name in ("spectrum", "decoded", "indices", "bits"))
    assert spectrum is not None
    assert decoded is not None
    assert indices is not None
    assert bits is not None
    image = show_spectrum(axes.pop(0), spectrum, "input")
    for label, values in latents:
        picture = show_latent(axes.pop(0), values, label)
        fig.colorbar(picture, ax=picture.axes, shrink=0.8, pad=0.01)
    place = axes.pop(0)
    place.grid(visible=False)
    step_s = spectrum.shape[1] * FRAME_S / indices.shape[1]
    place.imshow(indices, origin="lower", aspect="auto", interpolation="nearest", cmap="twilight",
                 extent=(0.0, indices.shape[1] * step_s, 0.0, len(indices)))  # fmt: skip
    place.set(title="codewords (colour: index)", ylabel="group")
    place.yaxis.set_major_locator(MaxNLocator(integer=True))
    if len(axes) > 1:
        draw_bits(axes.pop(0), bits, step_s)
    last = axes.pop(0)
    show_spectrum(last, decoded, "decoded")
    for left in axes:
        left.set_visible(False)
    for bottom in panels[-1]:
        bottom.set_xlabel("time (s)")
        bottom.xaxis.set_tick_params(labelbottom=True)
    fig.colorbar(image, ax=last, label="dB re maximum", shrink=0.8, pad=0.01)
    caption(fig, f"{look.name}, test clip {look.items[item]}. {note}")
    return fig


def draw_bits(axes: Axes, bits: np.ndarray, step_s: float) -> None:
    """Huffman bits of every step, with their mean."""
    axes.stairs(bits, np.arange(len(bits) + 1) * step_s, color="#0072B2", baseline=0.0, fill=True, alpha=0.85)
    axes.axhline(float(bits.mean()), color=GREY, linestyle="--", linewidth=1.0)
    axes.set(title=f"bits a 40 ms step (mean {bits.mean():.0f})", ylabel="bit", ylim=(0, None))


def draw_bit_use(look: Look, item: int, note: str) -> Figure:
    """A clip's spectrum with the bits that its steps took below: where does the coder spend them?"""
    spectrum, bits = look.of(item, "spectrum"), look.of(item, "bits")
    assert spectrum is not None
    assert bits is not None
    fig, (upper, lower) = plt.subplots(2, 1, figsize=(9.6, 4.6), sharex=True, height_ratios=[3, 2])
    image = show_spectrum(upper, spectrum, f"{look.items[item]}")
    draw_bits(lower, bits, spectrum.shape[1] * FRAME_S / len(bits))
    lower.set_xlabel("time (s)")
    fig.colorbar(image, ax=[upper, lower], label="dB re maximum", shrink=0.8)
    caption(fig, f"{look.name}. Bits: Huffman, all groups of a step together. {note}")
    return fig
