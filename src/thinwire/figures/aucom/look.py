"""A look inside: one clip from mel features to symbols and back, at every tau."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from safetensors.numpy import load_file

from thinwire.errors import PipelineError
from thinwire.figures.aucom.codewords import huffman_bits
from thinwire.figures.aucom.runs import name as run_name
from thinwire.figures.aucom.spectrograms import DECIBELS, show
from thinwire.figures.listen import load_audio
from thinwire.figures.paths import Page
from thinwire.figures.style import GREY, SOURCE_COLOUR, caption
from thinwire.systems.aucom.tables import RowTables, tables_at

FRAME_S = 0.01
COLUMN_S = 0.04
"""Of a symbol."""
SOUNDS = {"clean": "clean", "features": "features, not coded"}


@dataclass(frozen=True)
class Look:
    """look.npz of a codec, and its tables: `items` ids, `taus` that were decoded, `data` by `<id>/<name>`; mu and sigma
    (rows, 125), and the code tables of each tau.
    """

    run: str
    items: list[str]
    taus: list[float]
    data: dict[str, np.ndarray]
    mu: np.ndarray
    sigma: np.ndarray
    tensors: dict[str, np.ndarray] = field(repr=False)

    def of(self, item: int, name: str) -> np.ndarray:
        """An array of one clip."""
        return self.data[f"{self.items[item]}/{name}"]

    def tables(self, tau: float) -> RowTables:
        """The code tables of a tau."""
        return tables_at(self.tensors, tau)

    def latent(self, item: int) -> np.ndarray:
        """r (rows, columns), of the columns that are sent."""
        values = self.of(item, "latent")
        return values.reshape(-1, values.shape[-1])[:, : self.columns(item)]

    def normalised(self, item: int) -> np.ndarray:
        """r~ (rows, columns), by the tables (Eq. 5)."""
        latent = self.latent(item)
        times = np.arange(latent.shape[1]) % self.mu.shape[1]  # chunks follow one another
        return (latent - self.mu[:, times]) / self.sigma[:, times]

    def symbols(self, item: int, tau: float) -> np.ndarray:
        """What is sent at a tau: integers (rows, columns) within their rows' extremes."""
        sent = self.of(item, f"symbols{tau:g}").reshape(len(self.mu), -1)[:, : self.columns(item)]
        return self.tables(tau).clamp(sent).symbols

    def columns(self, item: int) -> int:
        """Symbols a row for the frames that the clip has."""
        return -(-self.of(item, "features").shape[1] // round(COLUMN_S / FRAME_S))

    def error_db(self, item: int, tau: float) -> np.ndarray:
        """Decoded minus original features (H, L), dB."""
        return DECIBELS * (self.of(item, f"tau{tau:g}") - self.of(item, "features"))


def load_look(page: Page, run: str) -> Look:
    """Read look.npz and the model's tables.safetensors (no pickles); half precision becomes single."""
    with np.load(page.path("results", run, "look.npz"), allow_pickle=False) as store:
        data = {name: store[name] for name in store.files}
    data = {name: value.astype(np.float32) if value.dtype == np.float16 else value for name, value in data.items()}
    items = [name.removesuffix("/features") for name in data if name.endswith("/features")]
    taus = sorted(float(name.rpartition("/tau")[2]) for name in data if name.startswith(f"{items[0]}/tau"))
    tensors = load_file(page.path("models", run, "tables.safetensors"))
    latent = data[f"{items[0]}/latent"]
    rows, own = latent.size // latent.shape[-1], len(tensors["mu"])
    if own != rows:
        raise PipelineError(f"models/{run}: tables of {own} rows, results/{run} has {rows}; evaluate the run again")
    return Look(run, items, taus, data, tensors["mu"], tensors["sigma"], tensors)


def draw_chain(look: Look, item: int = 0, tau: float = 2.0, note: str = "") -> Figure:
    """One clip at one tau: features, latent, normalised latent, symbols, bits, decoded features and their error."""
    fig, panels = plt.subplots(4, 2, figsize=(11.4, 9.0))
    features, decoded = look.of(item, "features"), look.of(item, f"tau{tau:g}")
    symbols = look.symbols(item, tau)
    top = float(features.max())
    left, right = panels.T
    image = show_features(left[0], features, top, "features f")
    for axes, values, title in (
        (left[1], look.latent(item), "latent r"), (left[2], look.normalised(item), "normalised r~ = (r - mu) / sigma"),
    ):  # fmt: skip
        fig.colorbar(show_rows(axes, values, title), ax=axes, pad=0.01)
    draw_histogram(left[3], symbols)
    most = max(int(np.abs(symbols).max()), 1)
    scale = {"cmap": "RdBu_r", "vmin": -most, "vmax": most}
    picture = show_rows(right[0], symbols, f"symbols round(r~ / {tau:g})", scale)
    fig.colorbar(picture, ax=right[0], pad=0.01, ticks=MaxNLocator(integer=True, nbins=7))
    draw_bits(right[1], look.tables(tau), symbols)
    show_features(right[2], decoded, top, "decoded features")
    title = f"decoded minus original (RMS {rms_db(look, item, tau):.1f} dB)"
    error = show_error(right[3], look.error_db(item, tau), title)
    for axes in (left[0], right[2]):
        fig.colorbar(image, ax=axes, label="dB re maximum", pad=0.01)
    fig.colorbar(error, ax=right[3], label="dB", pad=0.01)
    for axes in (left[2], right[3]):
        axes.set_xlabel("time (s)")
    right[1].set_xlim(right[0].get_xlim())
    caption(
        fig,
        f"{run_name(look.run)}, clip {look.items[item]}, tau {tau:g}. Rows of the latent follow each other channel by "
        f"channel; a symbol stands for {1000 * COLUMN_S:g} ms. {note}",
    )
    return fig


def draw_taus(look: Look, item: int = 0, note: str = "") -> Figure:
    """The features of a clip decoded at every tau, with what is left over under each."""
    features = look.of(item, "features")
    top = float(features.max())
    fig, panels = plt.subplots(
        2, len(look.taus) + 1, figsize=(1.55 * (len(look.taus) + 1) + 1.0, 4.4), sharex=True, sharey=True
    )
    image = show_features(panels[0][0], features, top, "original")
    for column, tau in enumerate(look.taus, 1):
        rate = kbps(look, item, tau)
        title = f"tau {tau:g}\n{rate:.2f} kbps\n{rms_db(look, item, tau):.1f} dB"
        show_features(panels[0][column], look.of(item, f"tau{tau:g}"), top, title)
        error = show_error(panels[1][column], look.error_db(item, tau), "")
        panels[1][column].set_xlabel("time (s)")
    for axes in panels[:, 1:].flat:
        axes.set_ylabel("")
    panels[1][0].set_axis_off()
    panels[1][0].text(0.5, 0.5, "decoded minus\noriginal", transform=panels[1][0].transAxes, ha="center", va="center")
    panels[0][0].set_ylabel("mel band")
    for axes in panels.flat:
        axes.title.set_fontsize(8.5)
    fig.colorbar(image, ax=panels[0], label="dB re maximum", shrink=0.9, pad=0.01)
    fig.colorbar(error, ax=panels[1], label="error (dB)", shrink=0.9, pad=0.01)
    caption(
        fig,
        f"{run_name(look.run)}, clip {look.items[item]}: upper row decoded, lower row decoded minus original. kbps: "
        f"Huffman codewords of this clip, header apart; dB: RMS error of its log-mel energies. {note}",
    )
    return fig


def show_features(axes: Axes, values: np.ndarray, top: float, title: str) -> Any:
    """Log-mel energies (H, L) over time, dB re `top`."""
    image = show(axes, DECIBELS * (values - top))
    axes.set(title=title, ylabel="mel band")
    return image


def show_error(axes: Axes, values: np.ndarray, title: str) -> Any:
    """A difference of log-mel energies (H, L) in dB over time."""
    axes.grid(visible=False)
    image = axes.imshow(
        values, origin="lower", aspect="auto", interpolation="nearest", cmap="RdBu_r", vmin=-20.0, vmax=20.0,
        extent=(0.0, values.shape[1] * FRAME_S, 0.0, len(values)),
    )  # fmt: skip
    axes.set(title=title, ylabel="mel band")
    return image


def show_rows(axes: Axes, values: np.ndarray, title: str, scale: dict[str, Any] | None = None) -> Any:
    """A latent or table (rows, columns) over time, blue below zero and red above unless `scale` says otherwise."""
    axes.grid(visible=False)
    image = axes.imshow(
        values, origin="lower", aspect="auto", interpolation="nearest",
        extent=(0.0, values.shape[1] * COLUMN_S, 0.0, len(values)), **(symmetric(values) if scale is None else scale),
    )  # fmt: skip
    axes.set(title=title, ylabel="row")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    return image


def symmetric(values: np.ndarray) -> dict[str, Any]:
    """Colours around zero whose limits leave out the most extreme 0.5 %."""
    limit = float(np.quantile(np.abs(values), 0.995)) or 1.0
    return {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit}


def draw_histogram(axes: Axes, symbols: np.ndarray) -> None:
    """How often each symbol occurs in a clip, all rows together."""
    found, counts = np.unique(symbols, return_counts=True)
    axes.bar(found, 100.0 * counts / counts.sum(), 0.85, color=SOURCE_COLOUR[0])
    axes.set(title="symbols of this clip", xlabel="symbol", ylabel="share (%)")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.xaxis.set_tick_params(labelbottom=True)


def draw_bits(axes: Axes, tables: RowTables, symbols: np.ndarray) -> None:
    """Huffman bits of every column of symbols, with their mean."""
    bits = huffman_bits(tables, symbols).sum(0)
    axes.stairs(bits, np.arange(len(bits) + 1) * COLUMN_S, color=SOURCE_COLOUR[0], baseline=0.0, fill=True, alpha=0.85)
    axes.axhline(float(bits.mean()), color=GREY, linestyle="--", linewidth=1.0)
    rate = bits.mean() / COLUMN_S / 1000.0
    axes.set(title=f"Huffman bits a column (mean {bits.mean():.0f}: {rate:.2f} kbps)", ylabel="bit", ylim=(0, None))


def kbps(look: Look, item: int, tau: float) -> float:
    """Huffman rate of a clip, header apart."""
    seconds = look.of(item, "features").shape[1] * FRAME_S
    return float(huffman_bits(look.tables(tau), look.symbols(item, tau)).sum()) / seconds / 1000.0


def rms_db(look: Look, item: int, tau: float) -> float:
    """RMS error of a clip's log-mel energies."""
    return float(np.sqrt(np.mean(np.square(look.error_db(item, tau)))))


def item_table(look: Look) -> pd.DataFrame:
    """Every clip at every tau: rate, error, share of zeros, and how many symbols had to be clamped."""
    rows = []
    for item, segment in enumerate(look.items):
        for tau in look.taus:
            symbols = look.symbols(item, tau)
            sent = look.of(item, f"symbols{tau:g}").reshape(len(symbols), -1)[:, : symbols.shape[1]]
            share = 100.0 * float((symbols == 0).mean())
            rows.append(
                (segment, tau, kbps(look, item, tau), rms_db(look, item, tau), share, int((sent != symbols).sum()))
            )
    return pd.DataFrame(rows, columns=["segment_id", "tau", "kbps", "error_db", "zeros_percent", "clamped"])


def sounds(page: Page, run: str, most: int = 2) -> dict[str, dict[str, np.ndarray]]:
    """Waveforms of audio.npz by clip and what they are: clean, of uncoded features, of each tau with one."""

    def order(version: str) -> float:
        return -1.0 if version in SOUNDS else float(version.removeprefix("tau"))

    return {
        clip: {
            SOUNDS.get(version, f"tau {version.removeprefix('tau')}"): found[version]
            for version in sorted(found, key=order)
        }
        for clip, found in load_audio(page, run, most).items()
    }
