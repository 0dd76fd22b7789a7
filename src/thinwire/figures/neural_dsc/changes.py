"""What of decoded speech follows the side information: level over time, mean spectrum, mean level and depth of pauses,
from the item towards the one whose side information the decoder was given.

Named is what is measured; in brackets what is known to shape it. None of these tells a voice from a microphone, or a
room from a noise: `heard_as` asks who speaks, and in which session.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from thinwire.figures.neural_dsc.maps import DECIBELS
from thinwire.figures.neural_dsc.models import Decoded
from thinwire.figures.neural_dsc.runs import SIDE_NAME, SIDES, mean_of, side_style
from thinwire.figures.paths import Page
from thinwire.figures.results import SEED
from thinwire.figures.style import caption, key, legend_right

QUIET = 0.1
"""Quantile over time that stands for a band's pauses."""


def _level_over_time(maps: np.ndarray) -> np.ndarray:
    contour = maps.mean(1)
    return np.asarray(contour - contour.mean(1, keepdims=True))


def _mean_spectrum(maps: np.ndarray) -> np.ndarray:
    spectrum = maps.mean(2)
    return np.asarray(spectrum - spectrum.mean(1, keepdims=True))


def _mean_level(maps: np.ndarray) -> np.ndarray:
    return np.asarray(maps.mean((1, 2))[:, None])


def _pause_depth(maps: np.ndarray) -> np.ndarray:
    return np.asarray(np.quantile(maps, QUIET, axis=2) - np.median(maps, axis=2))


TRAITS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "level over time (rhythm of speech and noise)": _level_over_time,
    "mean spectrum (voice and microphone)": _mean_spectrum,
    "mean level": _mean_level,
    "pause depth (room and noise)": _pause_depth,
}
"""Of mel maps in dB (n, bands, frames): numbers (n, k) that say one thing about an item, the others apart."""


def traits(maps: np.ndarray) -> dict[str, np.ndarray]:
    """Every trait of mel maps (n, 1, bands, frames), natural logarithms of power."""
    decibels = DECIBELS * maps[:, 0].astype(np.float64)
    return {name: trait(decibels) for name, trait in TRAITS.items()}


def table(page: Page, found: Decoded) -> pd.DataFrame:
    """A row a trait and kind of side information: `towards`, how far the decoded items went from what was sent (0) to
    the item whose side information is the wrong one (1), with its 95 % interval over items; `off_db`, the RMS
    difference from what was sent; `apart_db`, that of the two items; n.

    `towards` is sum <d, o> / sum |o|^2 over items, d decoded and o other minus sent. Without any side information it is
    above 0 too, since what is lost leaves the mean of all items, which lies between the two.
    """
    sent = traits(found.items.x.numpy())
    rows = []
    for si in SIDES:
        decoded = traits(found.outputs[si].numpy())
        for name in TRAITS:
            off, apart = decoded[name] - sent[name], sent[name][found.wrong] - sent[name]
            inner, length = (off * apart).sum(1), np.square(apart).sum(1)
            low, high = _interval(page, inner, length)
            error = mean_of(page, np.sqrt(np.square(off).mean(1))).mean
            rows.append((name, si, inner.sum() / max(length.sum(), 1e-12), low, high, error,
                         float(np.sqrt(np.square(apart).mean(1)).mean()), len(off)))  # fmt: skip
    return pd.DataFrame(rows, columns=["trait", "si", "towards", "low", "high", "off_db", "apart_db", "n"])


def _interval(page: Page, above: np.ndarray, below: np.ndarray) -> Sequence[float]:
    """95 % bootstrap interval of a ratio of sums over items."""
    picks = np.random.default_rng(SEED).integers(0, len(above), (page.params.evaluation.bootstrap, len(above)))
    low, high = np.percentile(above[picks].sum(1) / np.maximum(below[picks].sum(1), 1e-12), [2.5, 97.5])
    return float(low), float(high)


def draw(rows: pd.DataFrame, note: str) -> Figure:
    """How far every trait follows each kind of side information, and how far off it then is."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(12.4, 3.9), sharey=True)
    names = list(TRAITS)
    for number, si in enumerate(SIDES):
        part = rows[rows["si"] == si].set_index("trait").loc[names]
        places = np.arange(len(names)) + 0.16 * (number - 1.5)
        error = np.clip([part["towards"] - part["low"], part["high"] - part["towards"]], 0.0, None)
        look = side_style(si) | {"linestyle": "none", "markersize": 6}
        left.errorbar(part["towards"], places, xerr=error, capsize=2, **look)
        right.plot(part["off_db"], places, **look)
    apart = rows.drop_duplicates("trait").set_index("trait").loc[names, "apart_db"]
    right.plot(apart, np.arange(len(names)), "|", color="black", markersize=34, markeredgewidth=1.6)
    left.axvline(0.0, color="black", linewidth=1.0)
    left.axvline(1.0, color="black", linestyle="--", linewidth=1.0)
    left.set_yticks(np.arange(len(names)), [name.replace(" (", "\n(") for name in names])
    left.invert_yaxis()
    left.set_xlim(max(left.get_xlim()[0], -0.6), min(left.get_xlim()[1], 1.6))  # ratios of small numbers run far
    left.set(xlabel="0: as sent    1: as the other item", title="How far it follows the side information")
    right.set(xlabel="RMS difference from what was sent (dB)", title="How far off it is", xlim=(0, None))
    handles = [key(f"y: {SIDE_NAME[si]}", linestyle="none", **side_style(si)) for si in SIDES]
    legend_right(fig, [*handles, key("two items apart", color="black", marker="|", markersize=12, linestyle="none")])
    caption(
        fig,
        "The other item is always the one whose y is the wrong one, so the remaining kinds show what regression to the "
        "mean does alone. Level over time: mean over bands, less its mean. Mean spectrum: mean over time, less its "
        "mean. Pause depth: lowest tenth of each band below its median. In brackets what shapes a measure; none tells "
        f"voice from microphone or room from noise. Bars: 95 % bootstrap. {note}",
    )
    return fig
