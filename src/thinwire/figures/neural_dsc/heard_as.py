"""Whose voice and which session (its rooms and noise) decoded speech is taken for: the item's or those of its wrong
side information.

A listener that knows neither the codec nor the test talkers: discriminants of training talkers and sessions, fitted
to maps without coding. An item is taken for the nearer of two means, those of other test segments of its own talker
(session) and of the other item's. A wrong y comes from another session; so that a voice is not told by its room,
talkers are told apart once more with the y of another talker of the item's own session.
"""

from __future__ import annotations

import contextlib
import textwrap
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from thinwire.figures.aucom.whiskers import whiskers
from thinwire.figures.neural_dsc.models import Decoded
from thinwire.figures.neural_dsc.runs import SIDE_NAME, SIDES, form_style, mean_of, row_of, run_name
from thinwire.figures.paths import Page
from thinwire.figures.style import GREY, caption, key, legend_right
from thinwire.metrics.discriminant import fit
from thinwire.segments import SegmentStore
from thinwire.systems.neural_dsc.speech import prepare
from thinwire.training.build import DATA

KINDS = {
    "talker": "taken for its own talker",
    "scene": "taken for its own session (rooms, noise)",
    "neighbour": "taken for its own talker;\nwrong y: another talker of the same session",
}
VERSIONS = {
    "x": "x, not\ncoded",
    **{si: textwrap.fill(f"y: {name}", 10) for si, name in SIDE_NAME.items()},
    "y": "the other\ny itself",
}
"""What is listened to: the map that was sent, decoded ones, and the wrong side information."""


def features(maps: np.ndarray) -> np.ndarray:
    """Mean and spread over time of every band of mel maps (n, 1, bands, frames): (n, 2 bands)."""
    bands = maps[:, 0].astype(np.float64)
    return np.concatenate([bands.mean(2), bands.std(2)], axis=1)


def table(page: Page, found: dict[str, Decoded]) -> pd.DataFrame:
    """A row a run, kind (of `KINDS`) and version: run, form, kind, version, share of items that are taken for their
    own, low, high (95 % over items), n. Items without a clear segment of either are left out.
    """
    rows = []
    for run, decoded in found.items():
        for kind, shares in _shares(page, run, decoded).items():
            for version, values in shares.items():
                share = mean_of(page, values)
                rows.append(
                    (run, row_of(page, run)["form"], kind, version, share.mean, share.low, share.high, share.items)
                )
    return pd.DataFrame(rows, columns=["run", "form", "kind", "version", "share", "low", "high", "n"])


def _versions(decoded: Decoded, other: np.ndarray) -> dict[str, np.ndarray]:
    """Maps (n, 1, bands, frames) by version where an item's wrong y is that of the item at `other` (n,)."""
    y = decoded.items.y[torch.from_numpy(other)]
    maps = {"x": decoded.items.x, **{si: decoded.outputs[si] for si in SIDES}, "y": y, "wrong": decoded.given(y)}
    return {name: values.numpy() for name, values in maps.items()}


def _shares(page: Page, run: str, decoded: Decoded) -> dict[str, dict[str, np.ndarray]]:
    """By kind and version 1 for each item that is taken for its own, 0 for the others, NaN where nothing is known."""
    row = decoded.net.row
    with contextlib.chdir(page.root):
        store = SegmentStore(DATA / row.data)
        splits = {split: store.load(split) for split in ("train", "eval")}
    spectrum = page.params.systems.neural_dsc.spectrum
    known = {name: features(prepare(part.noisy, part.clean, row.domain, row.pair, spectrum).x.numpy())
             for name, part in splits.items()}  # fmt: skip
    train = splits["train"].table
    tells = fit(known["train"], train["speaker"].to_numpy(), train["session"].to_numpy())
    segments = splits["eval"].table.set_index("segment_id", drop=False)
    place = segments.index.get_indexer(pd.Index(decoded.items.table["segment_id"]))
    labels = {"scene": segments["session"].astype(str).to_numpy()}
    labels["talker"] = (segments["session"].astype(str) + " " + segments["speaker"].astype(str)).to_numpy()
    clear = _clear(segments)
    beside = neighbours(labels["scene"][place], labels["talker"][place], clear[np.ix_(place, place)])
    shares: dict[str, dict[str, np.ndarray]] = {}
    for kind in KINDS:
        told, other = ("talker", beside) if kind == "neighbour" else (kind, decoded.wrong)
        here = tells.project(known["eval"], told)
        pairs = [None if one < 0 else _means(here, labels[told], clear, int(own), int(place[one]))
                 for own, one in zip(place, other, strict=True)]  # fmt: skip
        maps = _versions(decoded, other)
        shares[kind] = {name: _nearer(tells.project(features(maps[name]), told), pairs) for name in VERSIONS}
    return shares


def neighbours(scenes: np.ndarray, talkers: np.ndarray, clear: np.ndarray) -> np.ndarray:
    """For each item (n,) the place of one of another talker in its scene that is `clear` (n, n) of its sound, by turns
    of those there are; -1 where there is none.
    """
    fitting = (scenes[:, None] == scenes[None]) & (talkers[:, None] != talkers[None]) & clear
    choices = [np.flatnonzero(row) for row in fitting]
    return np.asarray([some[k % len(some)] if len(some) else -1 for k, some in enumerate(choices)])


def _clear(segments: pd.DataFrame) -> np.ndarray:
    """(n, n) whether two segments share no sound: of different sessions, or not at the same time."""
    session, start, end = (segments[name].to_numpy() for name in ("session", "start_s", "end_s"))
    together = (start[:, None] < end[None]) & (start[None] < end[:, None])
    return np.asarray((session[:, None] != session[None]) | ~together)


def _means(
    here: np.ndarray, labels: np.ndarray, clear: np.ndarray, own: int, other: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """Means of the segments labelled as item `own` and as `other`, without those that hold sound of either."""
    usable = clear[own] & clear[other]
    groups = [here[usable & (labels == labels[item])] for item in (own, other)]
    return None if not all(map(len, groups)) else (groups[0].mean(0), groups[1].mean(0))


def _nearer(projected: np.ndarray, pairs: Sequence[tuple[np.ndarray, np.ndarray] | None]) -> np.ndarray:
    taken = [
        np.nan if pair is None else float(np.linalg.norm(item - pair[0]) < np.linalg.norm(item - pair[1]))
        for item, pair in zip(projected, pairs, strict=True)
    ]
    return np.asarray(taken)


def draw(page: Page, rows: pd.DataFrame, note: str) -> Figure:
    """A panel a kind: the share that is taken for its own, by version and run."""
    fig, panels = plt.subplots(1, len(KINDS), figsize=(16.6, 4.3), sharey=True)
    runs = list(dict.fromkeys(rows["run"]))
    looks = {run: _look(page, run) for run in runs}
    across = np.arange(len(VERSIONS))
    for axes, (kind, title) in zip(panels, KINDS.items(), strict=True):
        axes.axhline(0.5, color=GREY, linewidth=0.9)
        for number, run in enumerate(runs):
            part = rows[(rows["run"] == run) & (rows["kind"] == kind)].set_index("version").loc[list(VERSIONS)]
            axes.errorbar(across + 0.18 * (number - (len(runs) - 1) / 2), part["share"], whiskers(part, "share"),
                          capsize=2, elinewidth=1.0, **looks[run])  # fmt: skip
        axes.set_xticks(across, list(VERSIONS.values()))
        axes.grid(visible=False, axis="x")
        axes.set(title=title, ylim=(-0.04, 1.04))
    panels[0].set_ylabel("share of test items (1)")
    legend_right(fig, [key(run_name(page, run).removeprefix("speech, "), **looks[run]) for run in runs])
    caption(
        fig,
        "An item is taken for the nearer of two means: other test segments of its own talker (session), and of the one "
        "whose y is the wrong one (on the right one of the item's own session), along directions that tell training "
        "talkers (sessions, whoever speaks) apart by mean and spread of mel bands. Ends of a panel: what can be told "
        "of maps that were never coded. Grey: chance. A session has its own rooms and noise. Bars: 95 % bootstrap over "
        f"items. {note}",
    )
    return fig


def _look(page: Page, run: str) -> dict[str, object]:
    row = row_of(page, run)
    coarse = row["bits"] < 8
    return form_style(row["form"]) | {"linestyle": "none", "markersize": 7.0 if coarse else 6.0,
                                      **({"markerfacecolor": "white"} if coarse else {})}  # fmt: skip
