"""Rate and distortion on stereo pairs (Fig. 3): PSNR and MS-SSIM against bits per pixel, with and without the prior,
beside the published points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thinwire.claims import Claim, Verdict
from thinwire.claims.model import NumberRule
from thinwire.figures.neural_dsc.maps import show_map
from thinwire.figures.neural_dsc.models import load_look
from thinwire.figures.neural_dsc.runs import (
    FORM_NAME,
    FORMS,
    MEASURE_NAME,
    codec_of,
    facts,
    form_style,
    interval_of,
    own,
    rates,
    row_of,
)
from thinwire.figures.neural_dsc.verdicts import judge_values, same_setting, untestable
from thinwire.figures.paths import Page
from thinwire.figures.style import GREY, band, caption, key, legend_right
from thinwire.metrics.images import SIGMA, TAPS, betas_of
from thinwire.metrics.statistics import Interval

MEASURES = ("psnr", "ms_ssim")
COARSEST = 8
"""Downsampling whose published network is as wide as `systems.neural_dsc.conv` under the preset `paper`."""
RIVALS: dict[str, dict[str, Any]] = {
    "NDIC (Ballé 2018)": {"bpp": (0.089, 0.147, 0.268, 0.377), "psnr": (22.70, 24.21, 26.56, 27.92), "marker": "v"},
    "NDIC (Ballé 2017)": {"bpp": (0.077, 0.148, 0.256, 0.416), "psnr": (22.89, 24.56, 26.25, 27.81), "marker": "<"},
    "DSIN": {"bpp": (0.121, 0.252, 0.58), "psnr": (20.94, 22.33, 24.32), "marker": "P"},
    "NDIC-CAM": {
        "bpp": (0.023, 0.044, 0.073, 0.127, 0.221, 0.285, 0.349),
        "ms_ssim": (0.927, 0.939, 0.948, 0.963, 0.972, 0.976, 0.980),
        "marker": "X",
    },
}
"""Published points of earlier codecs on KITTI, from the authors' repository (facts 4.3)."""


def table(page: Page, items: pd.DataFrame, priors: Sequence[str]) -> pd.DataFrame:
    """A row a codec: run, form, bits, downsample, fixed_bpp, bpp_prior (real bytes; NaN without a prior), psnr and
    ms_ssim with 95 % intervals (`<measure>_low`, `_high`), explained, items; least rate first.
    """
    coded = {codec_of(page, prior): prior_rates(page, prior) for prior in priors}
    rows = []
    for run, part in ((str(name), part) for name, part in own(items).groupby("run", sort=False)):
        _, height, width = facts(page, run)["shape"]
        row = {"run": run, **part[["form", "bits", "downsample"]].iloc[0]}
        row |= {"fixed_bpp": part["fixed_bits"].mean() / (height * width)}
        row |= {"bpp_prior": coded[run]["bpp"].mean() if run in coded else np.nan}
        for measure in MEASURES:
            found = interval_of(page, part, measure)
            row |= {measure: found.mean, f"{measure}_low": found.low, f"{measure}_high": found.high}
        rows.append(row | {"explained": part["explained"].mean(), "items": part["segment_id"].nunique()})
    return pd.DataFrame(rows).sort_values(["fixed_bpp", "form"], ignore_index=True)


def prior_rates(page: Page, prior: str) -> pd.DataFrame:
    """Real rates of a prior, one row a test item and seed."""
    return rates(page, [prior])


def points(page: Page) -> dict[str, Claim]:
    """The claims about operating points, by the run that each names."""
    found = (claim for claim in page.claims.values() if claim.id.startswith("ndsc.fig3_point_"))
    return {claim.rule.system: claim for claim in found if isinstance(claim.rule, NumberRule) and claim.rule.system}


def published(page: Page) -> pd.DataFrame:
    """The paper's points and those of earlier codecs on KITTI: system, bpp, bpp_prior, psnr, ms_ssim."""
    columns = ["bpp", "bpp_prior", *MEASURES]
    rows = {run: row_of(page, run) for run in points(page)}
    ours = pd.DataFrame(
        [{"bpp": rows[run]["bits"] / rows[run]["downsample"] ** 2, **_values(claim)}
         for run, claim in points(page).items()]
    ).sort_values("bpp").assign(system="the paper")  # fmt: skip
    rivals = [pd.DataFrame({name: value for name, value in points.items() if name != "marker"}).assign(system=system)
              for system, points in RIVALS.items()]  # fmt: skip
    return pd.concat([ours, *rivals], ignore_index=True)[["system", *columns]]


def _values(claim: Claim) -> dict[str, float]:
    assert isinstance(claim.paper_value, dict)
    return claim.paper_value


def scales(page: Page, run: str) -> int:
    """Scales of MS-SSIM at the size of a run's images."""
    _, height, width = facts(page, run)["shape"]
    return len(betas_of(height, width))


def draw_curves(page: Page, found: pd.DataFrame, note: str) -> Figure:
    """Measured curves on the pairs at hand; the published ones on KITTI in panels of their own."""
    fig, panels = plt.subplots(2, 2, figsize=(12.4, 7.4), sharex=True)
    for (here, there), measure in zip(panels, MEASURES, strict=True):
        for form in FORMS:
            _curve(here, found[found["form"] == form], measure, form)
        _published(there, published(page), measure)
        here.set(ylabel=MEASURE_NAME[measure])
    for axes in panels.flat:
        axes.set_xscale("log")
        ticks = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
        axes.xaxis.set_tick_params(labelbottom=True)
    panels[0][0].set_title("Measured, on the pairs at hand")
    panels[0][1].set_title("Published, on KITTI")
    for axes in panels[1]:
        axes.set_xlabel("rate (bit per pixel)")
    distributed = form_style("distributed")
    handles = [key(f"{FORM_NAME[form]},\nfixed length" if form == "distributed" else FORM_NAME[form],
                   **_hollow(form)) for form in FORMS if (found["form"] == form).any()]  # fmt: skip
    handles.insert(1, key("distributed, with the prior,\nreal bytes", **distributed))
    handles += [key("the paper, fixed length", **PAPER_FIXED), key("the paper, with its prior", **PAPER)]
    handles += [key(system, **_rival(system)) for system in RIVALS]
    legend_right(fig, handles)
    size = "x".join(str(n) for n in facts(page, str(found["run"].iloc[0]))["shape"][1:])
    number = scales(page, str(found["run"].iloc[0]))
    caption(
        fig,
        f"Left: images of {size}; MS-SSIM with a Gaussian window of {TAPS}x{TAPS} (deviation {SIGMA}) and {number} "
        "scales (the authors': images of 128x256, 7x7, 5 scales); bands and bars: 95 % bootstrap over pairs. Right: "
        "points from the authors' repository (footnote: not in the supplied text); their rate with a prior is "
        "computed, not coded. Levels left and right are of different pictures: only the shapes may be compared. "
        f"{note}",
    )
    return fig


PAPER: dict[str, Any] = {"color": "#009E73", "marker": "D", "linestyle": "-"}
PAPER_FIXED: dict[str, Any] = PAPER | {"markerfacecolor": "white", "linestyle": ":"}


def _hollow(form: str) -> dict[str, Any]:
    return form_style(form) | {"markerfacecolor": "white", "linestyle": ":"}


def _rival(system: str) -> dict[str, Any]:
    return {"color": GREY, "marker": RIVALS[system]["marker"], "linestyle": "--", "linewidth": 1.0}


def _curve(axes: Axes, rows: pd.DataFrame, measure: str, form: str) -> None:
    """Fixed length hollow; with the prior filled, at the same heights."""
    if rows.empty:
        return
    rows = rows.sort_values("fixed_bpp")
    low, high = rows[f"{measure}_low"].to_numpy(), rows[f"{measure}_high"].to_numpy()
    error = np.clip([rows[measure] - low, high - rows[measure]], 0.0, None)
    axes.errorbar(rows["fixed_bpp"], rows[measure], error, capsize=2, elinewidth=0.8, **_hollow(form))
    coded = rows.dropna(subset=["bpp_prior"]).sort_values("bpp_prior")
    if len(coded):
        axes.plot(coded["bpp_prior"], coded[measure], **form_style(form))
        band(axes, coded["bpp_prior"].to_numpy(), coded[f"{measure}_low"].to_numpy(),
             coded[f"{measure}_high"].to_numpy(), form_style(form)["color"])  # fmt: skip


def _published(axes: Axes, table: pd.DataFrame, measure: str) -> None:
    for system in table["system"].unique():
        rows = table[table["system"] == system].dropna(subset=[measure])
        if system == "the paper":
            axes.plot(rows["bpp"], rows[measure], **PAPER_FIXED)
            axes.plot(rows["bpp_prior"], rows[measure], **PAPER)
        elif len(rows):
            axes.plot(rows["bpp"], rows[measure], **_rival(str(system)))


def draw_pairs(page: Page, runs: Sequence[str], item: int = 0, note: str = "") -> Figure:
    """One pair: x, its side information y, and x_hat of every run, with what each differs from x."""
    looks = {run: load_look(page, run) for run in runs}
    name = list(next(iter(looks.values())))[item]
    x = looks[runs[0]][name]["x"]
    fig, panels = plt.subplots(2, len(runs) + 1, figsize=(2.45 * (len(runs) + 1) + 0.8, 3.5))
    show_map(panels[0][0], x, "stereo")
    show_map(panels[1][0], looks[runs[0]][name]["y"], "stereo")
    panels[0][0].set_title("left image x")
    panels[1][0].set_title("right image y (decoder)")
    image: Any = None
    for column, run in zip(panels.T[1:], runs, strict=True):
        row, x_hat = facts(page, run)["row"], looks[run][name]["correct"]
        error = np.square(x_hat - x)
        bpp = row["bits"] / row["downsample"] ** 2
        show_map(column[0], x_hat, "stereo")
        column[0].set_title(f"{row['form']}, {bpp:.3g} bpp\n{-10 * np.log10(error.mean()):.1f} dB", fontsize=8.5)
        column[1].grid(visible=False)
        column[1].set(xticks=[], yticks=[])
        image = column[1].imshow(np.sqrt(error.mean(0)), cmap="magma", vmin=0.0, vmax=0.25, interpolation="nearest")
    panels[1][1].set_title("error")
    fig.colorbar(image, ax=panels[1], label="RMS error", shrink=0.9, pad=0.01)
    caption(fig, f"Pair {name}. Above decoded, below the error over colours (pixels span 1). bpp: fixed length. {note}")
    return fig


def kept(page: Page, run: str) -> range:
    """Places of the pairs that a run kept."""
    return range(len(load_look(page, run)))


def measured(page: Page, items: pd.DataFrame, run: str, prior: str) -> dict[str, Interval]:
    """What the claim about an operating point asks for."""
    rows = own(items)
    rows = rows[rows["run"] == run]
    coded = {"bpp_prior": interval_of(page, prior_rates(page, prior), "bpp")}
    return coded | {measure: interval_of(page, rows, measure) for measure in MEASURES}


def judge(page: Page, items: pd.DataFrame, priors: Sequence[str]) -> list[Verdict]:
    """The eight operating points, and three claims that cannot be decided here."""
    evidence = [page.evidence("figures", "curves"), page.evidence("tables", "points")]
    by_codec = {codec_of(page, prior): prior for prior in priors}
    paper = same_setting(page, "stereo")
    verdicts = []
    for run, claim in points(page).items():
        same = paper and row_of(page, run)["downsample"] == COARSEST  # the paper's other networks are wider
        found = measured(page, items, run, by_codec[run])
        told = f"{run} with its prior; MS-SSIM of {scales(page, run)} scales"
        verdicts.append(judge_values(page, claim.id, found, evidence, told, same=same))
    beside = [page.evidence("figures", "curves"), page.evidence("tables", "published")]
    left = ("ndsc.abstract.sota_kitti", "ndsc.fig3a_low_bpp_match", "ndsc.fig3b_msssim")
    return [*verdicts, *(untestable(page, name, beside) for name in left)]
