"""Listening: players at several rates with a spectrogram each, and widgets that stay out of executed copies."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from IPython.display import HTML, Audio, display
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from thinwire.audio import SAMPLE_RATE
from thinwire.figures.paths import Page
from thinwire.figures.style import SPECTRUM_MAP, caption

LOUDNESS = 0.08  # root mean square that every player is set to, so that no version wins by being louder
FIRST = ("clean", "noisy")
GRIFFIN_LIM = "Waveforms of decoded magnitudes by Griffin-Lim."


def load_audio(page: Page, run: str, most: int = 2) -> dict[str, dict[str, np.ndarray]]:
    """Waveforms by segment and version (`clean`, `noisy`, then m rising), float32; the first `most` segments."""
    out: dict[str, dict[str, np.ndarray]] = {}
    with np.load(page.path("results", run, "audio.npz"), allow_pickle=False) as store:
        for name in store.files:
            if "/" in name:
                segment, version = name.rsplit("/", 1)
                out.setdefault(segment, {})[version] = store[name].astype(np.float32) / 32768.0
    return {
        segment: {name: out[segment][name] for name in sorted(out[segment], key=_order)}
        for segment in sorted(out)[:most]
    }


def _order(version: str) -> tuple[int, float, str]:
    if version in FIRST:
        return FIRST.index(version), 0.0, version
    digits = "".join(c for c in version if c.isdigit() or c == ".")
    return 2 + (not version.startswith("m")), float(digits or 0), version


def version_name(version: str) -> str:
    """`m16` and `kbps0.1` as a reader knows them."""
    if version.startswith("kbps"):
        return f"{version.removeprefix('kbps')} kbit/s of bytes"
    return f"m = {version[1:]} floats/s" if version[:1] == "m" and version[1:].isdigit() else version


def same_loudness(x: np.ndarray) -> np.ndarray:
    """Scaled to one root mean square, without clipping; silence stays silence."""
    level = float(np.sqrt(np.mean(x**2)))
    scale = LOUDNESS / level if level > 1e-6 else 1.0
    return x * min(scale, 0.99 / max(float(np.abs(x).max()), 1e-6))


def players(audio: Mapping[str, Mapping[str, np.ndarray]]) -> HTML:
    """A table of players: a row a segment, a column a version, all at one loudness."""
    versions = list(dict.fromkeys(name for row in audio.values() for name in row))
    head = "".join(f"<th>{version_name(name)}</th>" for name in versions)
    body = ""
    for segment, row in audio.items():
        cells = "".join(f"<td>{_player(row[name]) if name in row else ''}</td>" for name in versions)
        body += f"<tr><th>{segment}</th>{cells}</tr>"
    return HTML(f"<table><tr><th>segment</th>{head}</tr>{body}</table>")


def _player(x: np.ndarray) -> str:
    return (
        Audio(same_loudness(x), rate=SAMPLE_RATE, normalize=False)
        ._repr_html_()
        .replace("<audio ", '<audio style="width:150px" ')
    )


def draw_versions(audio: Mapping[str, Mapping[str, np.ndarray]], note: str, made: str = GRIFFIN_LIM) -> Figure:
    """Spectrograms in the order of the players; `made`: how the waveforms were made, for the caption."""
    versions = list(dict.fromkeys(name for row in audio.values() for name in row))
    fig, panels = plt.subplots(
        len(audio),
        len(versions),
        figsize=(2.2 * len(versions) + 1.0, 2.1 * len(audio) + 0.7),
        squeeze=False,
        sharex=True,
        sharey=True,
    )
    image: Any = None
    for line, (segment, row) in enumerate(audio.items()):
        for column, name in enumerate(versions):
            axes = panels[line][column]
            axes.grid(visible=False)
            if name not in row:
                axes.set_visible(False)
                continue
            power, _, _, image = axes.specgram(
                same_loudness(row[name]) + 1e-9,
                NFFT=512,
                Fs=SAMPLE_RATE,
                noverlap=384,
                vmin=-110,
                vmax=-40,
                cmap=SPECTRUM_MAP,
            )
            axes.set_yticks([0, 4000, 8000], ["0", "4", "8"])
            if line == 0:
                axes.set_title("\n".join(textwrap.wrap(version_name(name), 20)))
        panels[line][0].set_ylabel("\n".join([*_lines(segment), "frequency (kHz)"]), fontsize=7.5)
    for axes in panels[-1]:
        axes.set_xlabel("time (s)")
    fig.colorbar(image, ax=panels, label="power density (dB)", shrink=0.8, pad=0.02)
    caption(fig, " ".join(part for part in ("All at one loudness.", made, note) if part))
    return fig


def _lines(segment: str, width: int = 24) -> list[str]:
    """A long id, broken after its underscores so that it is no longer than a panel is high."""
    return [line.replace("_ ", "_") for line in textwrap.wrap(segment.replace("_", "_ "), width)]


def browse(interactive: bool, draw: Callable[..., Any], **choices: Sequence[Any]) -> None:
    """In JupyterLab: a slider for each choice that redraws. In an executed copy: nothing, the static figure above
    stands in its place.
    """
    if not interactive:
        return
    import ipywidgets

    def show(**chosen: Any) -> None:
        result = draw(**chosen)
        display(result)
        if isinstance(result, Figure):
            plt.close(result)

    sliders = {
        name: ipywidgets.SelectionSlider(options=list(values), description=name) for name, values in choices.items()
    }
    ipywidgets.interact(show, **sliders)
