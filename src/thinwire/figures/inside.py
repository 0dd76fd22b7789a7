"""A look inside: latents, principal directions, and feature maps at every point of the chain, item by item."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from thinwire.artifacts import read_json
from thinwire.audio import SAMPLE_RATE
from thinwire.claims import Verdict, judge_exact
from thinwire.figures.paths import Page
from thinwire.figures.style import SPECTRUM_MAP, caption


@dataclass(frozen=True)
class Look:
    """look.npz of a run: `items` ids, `budgets` m that were decoded, and `data` by key."""

    items: list[str]
    budgets: list[int]
    data: dict[str, np.ndarray]
    note: str

    def of(self, item: int, name: str) -> np.ndarray:
        """An array of one item."""
        return self.data[f"item{item}/{name}"]

    def features(self, item: int) -> list[tuple[str, np.ndarray]]:
        """Names and maps (channels, T) in chain order."""
        found = []
        for key, value in self.data.items():
            match = re.fullmatch(rf"item{item}/feature/(\d+)_(.+)", key)
            if match:
                found.append((int(match[1]), match[2], value))
        return [(name, value) for _, name, value in sorted(found, key=lambda entry: entry[:2])]


def load_look(page: Page, run: str, note: str) -> Look:
    """Read look.npz (no pickles)."""
    with np.load(page.path("results", run, "look.npz"), allow_pickle=False) as store:
        data = {name: store[name] for name in store.files}
    data = {name: value.astype(np.float32) if value.dtype == np.float16 else value for name, value in data.items()}
    budgets = sorted({int(key.rsplit("/m", 1)[1]) for key in data if key.startswith("item0/x_hat/m")})
    return Look([str(name) for name in data["segment_ids"]], budgets, data, note)


def draw_chain(look: Look, item: int = 0) -> Figure:
    """Every point of the chain: what the microphones give, each layer's map in every encoder, the decoder's layers, and
    what it makes of it.
    """
    microphones, clean = look.of(item, "x"), look.of(item, "clean")
    panels = [(f"input, source {k + 1}", mic) for k, mic in enumerate(microphones)]
    panels += look.features(item)
    panels += [(f"decoded, m = {m}", look.of(item, f"x_hat/m{m}")) for m in look.budgets[-1:]] + [("clean", clean)]
    columns = 4
    rows = int(np.ceil(len(panels) / columns))
    fig, axes = plt.subplots(rows, columns, figsize=(11.0, 2.05 * rows + 0.5), squeeze=False)
    top = float(np.quantile(clean, 0.999))
    for place, ax in enumerate(axes.flat):
        ax.set_visible(place < len(panels))
        ax.grid(visible=False)
    for ax, (name, values) in zip(axes.flat, panels, strict=False):
        spectrum = values.shape == clean.shape
        options = (
            {"cmap": SPECTRUM_MAP, "vmin": 0.0, "vmax": top} if spectrum else {"cmap": "RdBu_r", **symmetric(values)}
        )
        ax.imshow(np.atleast_2d(values), origin="lower", aspect="auto", interpolation="nearest", **options)
        ax.set_title(name.replace("_", " "), fontsize=8)
        if spectrum:
            ax.set_yticks([0, clean.shape[0] // 2, clean.shape[0] - 1], ["0", "4", "8"])
            ax.set_ylabel("kHz", fontsize=8)
        else:
            ax.set_ylabel("channel", fontsize=8)
        ax.set_xlabel("frame", fontsize=8)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.tick_params(labelsize=7)
    caption(
        fig,
        f"Item {item}, test segment {look.items[item]}; spectra are power-compressed magnitudes, "
        "features are signed (blue below 0, red above). " + look.note,
    )
    return fig


def symmetric(values: np.ndarray) -> dict[str, Any]:
    """Colour limits around zero that leave out the most extreme 0.5 %."""
    limit = float(np.quantile(np.abs(values), 0.995)) or 1.0
    return {"vmin": -limit, "vmax": limit}


def draw_budgets(look: Look, item: int = 0) -> Figure:
    """The same item decoded at every bandwidth, with what is left over (decoded minus clean) under it."""
    clean = look.of(item, "clean")
    top = float(np.quantile(clean, 0.999))
    names = ["clean", *[f"m = {m}" for m in look.budgets]]
    maps = [clean, *[look.of(item, f"x_hat/m{m}") for m in look.budgets]]
    fig, panels = plt.subplots(
        2, len(maps), figsize=(1.4 * len(maps) + 1.2, 4.3), sharex=True, sharey=True, squeeze=False
    )
    for column, (name, values) in enumerate(zip(names, maps, strict=True)):
        options = {"origin": "lower", "aspect": "auto", "interpolation": "nearest"}
        image = panels[0][column].imshow(values, cmap=SPECTRUM_MAP, vmin=0, vmax=top, **options)
        error = panels[1][column].imshow(values - clean, cmap="RdBu_r", vmin=-top, vmax=top, **options)
        psnr = 20 * np.log10(clean.max() / max(float(np.sqrt(np.mean((values - clean) ** 2))), 1e-9))
        panels[0][column].set_title(name if column == 0 else f"{name}\n{psnr:.1f} dB", fontsize=8.5)
        panels[1][column].set_xlabel("frame")
    for row in panels:
        for axes in row:
            axes.grid(visible=False)
            axes.set_yticks([0, clean.shape[0] // 2, clean.shape[0] - 1], ["0", "4", "8"])
        row[0].set_ylabel("frequency (kHz)")
    panels[1][0].text(
        0.5, 0.5, "decoded minus\nclean", transform=panels[1][0].transAxes, ha="center", va="center", fontsize=8
    )
    fig.colorbar(image, ax=panels[0], label="magnitude$^p$ (1)", shrink=0.9)
    fig.colorbar(error, ax=panels[1], label="error (1)", shrink=0.9)
    caption(
        fig,
        f"Item {item}, test segment {look.items[item]}; one model, one fit, every bandwidth. "
        "dB: this item's own peak as MAX. " + look.note,
    )
    return fig


def item_table(look: Look) -> pd.DataFrame:
    """Per item and bandwidth: PSNR of this item (its own peak), and how much of the latents' energy is kept."""
    mean = look.data["mean"].reshape(-1)
    rows = []
    for item, name in enumerate(look.items):
        clean, z = look.of(item, "clean"), look.of(item, "z").reshape(-1) - mean
        for m in look.budgets:
            error = float(np.sqrt(np.mean((look.of(item, f"x_hat/m{m}") - clean) ** 2)))
            kept = look.of(item, f"z_hat/m{m}") - mean
            rows.append(
                (
                    item,
                    name,
                    m,
                    20 * np.log10(float(clean.max()) / max(error, 1e-9)),
                    float((kept**2).sum() / max((z**2).sum(), 1e-12)),
                )
            )
    return pd.DataFrame(rows, columns=["item", "segment_id", "m", "psnr_db", "latent_energy_kept"])


def judge(page: Page, run: str) -> list[Verdict]:
    """Section 4: the STFT's window and hop, from the trained model's own configuration."""
    config = read_json(page.path("models", run, "config.json"))
    spectrum = config.get("spectrum", page.params.systems.ndpca.spectrum.model_dump())
    measured = {"n_fft": float(spectrum["n_fft"]), "hop": float(spectrum["hop_length"])}
    holds = measured == {"n_fft": 2048.0, "hop": 512.0}
    return [
        judge_exact(
            page.claims["ndpca.stft_config"],
            measured,
            holds,
            reason=f"{SAMPLE_RATE} Hz",
            evidence=[page.evidence("tables", "settings")],
        )
    ]


def settings_table(page: Page, run: str) -> pd.DataFrame:
    """The settings that the trained model stands on: name, value."""
    spectrum, shape = page.params.systems.ndpca.spectrum, page.params.systems.ndpca.shape
    row = page.params.run(run)
    values = (
        spectrum.model_dump()
        | shape.model_dump()
        | {"arch": row.arch, "representation": row.representation, "steps": row.steps}
    )
    return pd.DataFrame([(name, str(value)) for name, value in values.items()], columns=["setting", "value"])
