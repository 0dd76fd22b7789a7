"""Side information that is not the item's own (Fig. 5): what it costs in distortion, and how the decoded item looks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thinwire.claims import Verdict
from thinwire.figures.listen import load_audio
from thinwire.figures.neural_dsc.maps import show_map
from thinwire.figures.neural_dsc.models import Decoded
from thinwire.figures.neural_dsc.runs import (
    DOMAIN_NAME,
    SIDE_NAME,
    SIDES,
    difference,
    form_style,
    mean_of,
    means,
)
from thinwire.figures.neural_dsc.verdicts import judge_pairs
from thinwire.figures.paths import Page
from thinwire.figures.style import caption, key, legend_right

CLAIMED = {"half images": "halves_d_4", "mel": "mel_d_8x8"}
"""How the claim calls what a run codes."""
HEARD = {"clean": "sent", "map": "map, not coded", **{si: f"y: {name}" for si, name in SIDE_NAME.items()}}


def table(page: Page, items: pd.DataFrame) -> pd.DataFrame:
    """Every run with every kind of side information: run, kind, form, bits, si, psnr with its 95 % interval, and what
    it costs against the item's own, `delta_db` with `delta_low` and `delta_high`, item by item; n items.
    """
    rows = []
    for run, part in items.groupby("run", sort=False):
        first = part[["kind", "form", "bits"]].iloc[0].to_dict()
        right = part[part["si"] == "correct"]
        for si in SIDES:
            here = part[part["si"] == si]
            level = means(page, here, ["si"], ["psnr"]).iloc[0]
            lost = means(page, _rows(difference(here, right, "psnr")), ["si"], ["psnr"]).iloc[0]
            rows.append(
                {"run": run, **first, "si": si, "psnr": level["mean"], "low": level["low"], "high": level["high"],
                 "delta_db": lost["mean"], "delta_low": lost["low"], "delta_high": lost["high"], "n": int(level["n"])}
            )  # fmt: skip
    return pd.DataFrame(rows)


def bit_errors(page: Page, items: pd.DataFrame) -> pd.DataFrame:
    """Codecs of bits, over blocks of all p: run, form, si, measure (bit_errors, block_error), mean, low, high, n, and
    what they are more than with the block's own y, `delta` with delta_low and delta_high, block by block.
    """
    table = means(page, items, ["run", "form", "si"], ["bit_errors", "block_error"])
    deltas = []
    for run, si, measure in table[["run", "si", "measure"]].itertuples(index=False):
        own_run = items[items["run"] == run]
        here, right = (own_run[own_run["si"] == name] for name in (si, "correct"))
        more = mean_of(page, difference(here, right, measure))
        deltas.append((more.mean, more.low, more.high))
    table[["delta", "delta_low", "delta_high"]] = np.array(deltas).reshape(-1, 3)
    return table


def _rows(values: pd.Series) -> pd.DataFrame:
    return pd.DataFrame({"segment_id": values.index, "psnr": values.to_numpy(), "si": ""})


def draw_errors(found: pd.DataFrame, note: str) -> Figure:
    """PSNR with each kind of side information, a panel a domain; the separate form's is one level."""
    kinds = list(dict.fromkeys(found["kind"]))
    columns = 3 if len(kinds) > 2 else len(kinds)
    lines = -(-len(kinds) // columns)
    fig, panels = plt.subplots(lines, columns, figsize=(4.0 * columns + 1.4, 3.0 * lines + 0.6), squeeze=False)
    for axes in panels.flat[len(kinds) :]:
        axes.set_visible(False)
    for axes, kind in zip(panels.flat, kinds, strict=False):
        _panel(axes, found[found["kind"] == kind])
        axes.set_title(DOMAIN_NAME[kind])
    for axes in panels[:, 0]:
        axes.set_ylabel("PSNR (dB)")
    known = {
        "joint": "joint: the encoder saw\nthe item's own y",
        "distributed": "distributed",
        "separate": "separate: no y at all",
    }
    legend_right(fig, [key(known[form], **form_style(form) | ({"marker": None} if form == "separate" else {}))
                       for form in known if (found["form"] == form).any()])  # fmt: skip
    caption(
        fig,
        "The indices are those of the item and stay; only what the decoder is given as y changes. Another item's: of "
        "another photograph or run, of speech of another talker, in another scene where there is one. Random: noise "
        "(images: clipped Gaussian, as the authors' code; others with mean and spread of training y). None: zeros in "
        f"place of the conditioning map, which no decoder was trained on. Bars: 95 % bootstrap over items. {note}",
    )
    return fig


def _panel(axes: Axes, rows: pd.DataFrame) -> None:
    offsets = {"joint": -0.08, "distributed": 0.08}
    for form, part in rows.groupby("form", sort=False):
        part = part.set_index("si").loc[list(SIDES)]
        if form == "separate":
            axes.axhline(part["psnr"].iloc[0], **form_style("separate") | {"marker": None, "linewidth": 1.1})
            continue
        error = np.clip([part["psnr"] - part["low"], part["high"] - part["psnr"]], 0.0, None)
        axes.errorbar(np.arange(len(SIDES)) + offsets[str(form)], part["psnr"], error, capsize=2,
                      **form_style(str(form)) | {"linestyle": "none", "markersize": 6})  # fmt: skip
    axes.set_xticks(np.arange(len(SIDES)), [SIDE_NAME[si] for si in SIDES])
    axes.set_xlim(-0.5, len(SIDES) - 0.5)
    axes.grid(visible=False, axis="x")


def draw_pictures(found: Decoded, places: Sequence[int] = (0, 1), note: str = "") -> Figure:
    """Items decoded with each kind of side information; below each the y that it was decoded with."""
    image = found.domain in ("stereo", "halves")
    columns = 1 + len(SIDES)
    fig, panels = plt.subplots(
        2 * len(places), columns, figsize=(2.4 * columns, (1.5 if image else 1.8) * 2 * len(places) + 0.8),
        squeeze=False, sharex=True, sharey=True,
    )  # fmt: skip
    for line, place in enumerate(places):
        _item(found, int(place) % len(found.items), panels[2 * line], panels[2 * line + 1])
    if not image:
        for axes in panels[:, 0]:
            axes.set_ylabel("mel band")
        for axes in panels[-1]:
            axes.set_xlabel("time (s)")
    row = found.net.row
    caption(
        fig,
        f"One set of indices an item, {row.bits} bit each at {row.downsample}x. Under what was decoded, the y that the "
        f"decoder had; dB: PSNR{'' if image else ' of features in units of their spread'}. {note}",
    )
    return fig


def _item(found: Decoded, place: int, above: Sequence[Axes], below: Sequence[Axes]) -> None:
    x = found.items.x[place].numpy()
    top = float(x.max())
    show_map(above[0], x, found.domain, top)
    above[0].set_title("sent: x")
    below[0].set_axis_off()
    for column, si in enumerate(SIDES, 1):
        show_map(above[column], found.outputs[si][place].numpy(), found.domain, top)
        above[column].set_title(f"decoded, {found.psnr(si, place):.1f} dB", fontsize=8.5, fontweight="normal")
        side = found.sides[si]
        if side is None:
            below[column].set_axis_off()
            below[column].text(0.5, 0.5, "no y", transform=below[column].transAxes, ha="center", va="center")
            continue
        show_map(below[column], side[place].numpy(), found.domain, top)
        below[column].set_title(f"y: {SIDE_NAME[si]}", fontsize=8.5, fontweight="normal")


def sounds(page: Page, run: str, most: int = 2) -> dict[str, dict[str, np.ndarray]]:
    """Waveforms of a speech codec's audio.npz by item and what they are."""
    return {
        item: {name: found[version] for version, name in HEARD.items() if version in found}
        for item, found in load_audio(page, run, most).items()
    }


def judge(page: Page, items: pd.DataFrame) -> list[Verdict]:
    """Error with wrong and with random side information over that with the item's own, item by item."""
    differences, told = {}, []
    for name, run in CLAIMED.items():
        rows = items[items["run"] == run]
        by_side = {si: rows[rows["si"] == si] for si in SIDES}
        for si in ("wrong", "random"):
            differences[f"{name}, {si} over correct"] = difference(by_side[si], by_side["correct"], "mse")
            lost = float(difference(by_side["correct"], by_side[si], "psnr").mean())
            told.append(f"{name}, {si}: {lost:.2f} dB lost")
    evidence = [page.evidence("figures", name) for name in ("errors", "pictures", "speech", "heard_as", "changes")]
    evidence.append(page.evidence("tables", "errors"))
    return [judge_pairs(page, "ndsc.fig5_wrong_si", differences, evidence, "; ".join(told))]
