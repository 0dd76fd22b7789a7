"""Equal total rates: the conditional VQ-VAE, its side information counted or not, beside the wing `ndpca`, whose bytes
are those of all microphones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thinwire.figures.bits import SCHEME_NAME
from thinwire.figures.neural_dsc.runs import FORM_NAME, FORMS, form_style, mean_of
from thinwire.figures.neural_dsc.speech import NEAR
from thinwire.figures.paths import Page
from thinwire.figures.results import SEED, baselines, read_table
from thinwire.figures.style import ARCH_COLOUR, GREY, band, caption, key, legend_right
from thinwire.metrics.statistics import bootstrap_mean

TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
KIND = "mel"
"""Which of the wing's domains stands beside."""
COMPARABLE = {
    "target": ("microphone 1 as it is, noise and room", "the worn microphone: coding and enhancement in one", False),
    "inputs": ("one microphone sent, one known", "all microphones sent", False),
    "features": ("log mel, each band in units of its spread", "compressed STFT magnitudes, peak as unit", False),
    "zero of the scale": ("the training mean", "the mean training spectrum", True),
    "rate": ("bytes of x; those of y counted or not", "bytes of all microphones", True),
    "data": ("test segments of the same sessions", "test segments of the same sessions", True),
    "who knows what": ("joint, distributed, separate", "joint E1D1, distributed E4D1, no transform", True),
}
"""What is equal in both wings."""


def load_ndpca(page: Page, runs: Sequence[str]) -> pd.DataFrame:
    """bits.parquet of runs of the wing `ndpca`, seeds averaged: run, scheme, arch, kbps_target, segment_id, kbps
    (payload of all microphones), and over_mean_db, PSNR above the mean training spectrum's.
    """
    parts = []
    for run in runs:
        table = read_table(page, run, "bits").groupby(["scheme", "kbps_target", "segment_id"], sort=False)
        means = table[["bits_payload", "psnr_magnitude"]].mean().reset_index()
        over = means["psnr_magnitude"] - float(baselines(page, run)["mean_spectrum"])
        arch = page.params.run(run).arch
        parts.append(means.assign(run=run, arch=arch, kbps=means["bits_payload"] / 1000.0, over_mean_db=over))
    return pd.concat(parts, ignore_index=True)


def curve(page: Page, items: pd.DataFrame) -> pd.DataFrame:
    """A row a run and target of `load_ndpca`: run, arch, scheme, kbps, over_mean_db with its 95 % interval, items."""
    rows = []
    for (run, arch, scheme, target), part in items.groupby(["run", "arch", "scheme", "kbps_target"], sort=False):
        found = bootstrap_mean(part["over_mean_db"].to_numpy(), SEED, page.params.evaluation.bootstrap)
        rows.append((run, arch, scheme, target, part["kbps"].mean(), found.mean, found.low, found.high, found.items))
    columns = ["run", "arch", "scheme", "kbps_target", "kbps", "over_mean_db", "low", "high", "items"]
    return pd.DataFrame(rows, columns=columns)


def ndpca_gains(page: Page, items: pd.DataFrame, joint: str, distributed: str, plain: str) -> pd.DataFrame:
    """What stands for the forms in `ndpca`, at the targets where both came out at nearly one rate: compared,
    first, second, kbps and other_kbps (payloads that came out), dB with its 95 % interval, items.
    """
    rows = []
    pairs = {"distributed, NDPCA over a plain latent": (distributed, plain),
             "joint over distributed": (joint, distributed)}  # fmt: skip
    for what, (first, second) in pairs.items():
        for target, part in items.groupby("kbps_target"):
            one, two = (part[part["run"] == run].set_index("segment_id") for run in (first, second))
            if one.empty or two.empty:
                continue
            rates = one["kbps"].mean(), two["kbps"].mean()
            if abs(rates[0] / rates[1] - 1.0) > NEAR:
                continue
            found = mean_of(page, (one["psnr_magnitude"] - two["psnr_magnitude"]).dropna())
            rows.append((what, first, second, target, *rates, found.mean, found.low, found.high, found.items))
    columns = ["compared", "first", "second", "kbps_target", "kbps", "other_kbps", "db", "low", "high", "items"]
    return pd.DataFrame(rows, columns=columns)


def comparable() -> pd.DataFrame:
    """What may be held against each other and what not: what, neural_dsc, ndpca, equal."""
    rows = [(what, *said) for what, said in COMPARABLE.items()]
    return pd.DataFrame(rows, columns=["what", "neural_dsc", "ndpca", "equal"])


def draw(found: pd.DataFrame, both: pd.DataFrame, ndpca: pd.DataFrame, note: str) -> Figure:
    """Left this wing's mel codecs, `found` as `speech.table`, `both` as `two_streams.table`; right `ndpca`, as `curve`;
    rates on one scale.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(12.8, 4.4), sharex=True)
    rows = found[found["kind"] == KIND]
    for form in FORMS:
        part = rows[rows["form"] == form].sort_values("kbps")
        if len(part):
            left.plot(part["kbps"], part["psnr"], **form_style(form))
            band(left, part["kbps"].to_numpy(), part["psnr_low"].to_numpy(), part["psnr_high"].to_numpy(),
                 form_style(form)["color"])  # fmt: skip
    part = both.sort_values("total_kbps")
    left.plot(part["total_kbps"], part["psnr"], **sent_too())
    band(left, part["total_kbps"].to_numpy(), part["low"].to_numpy(), part["high"].to_numpy(), sent_too()["color"])
    for (_, arch, scheme), part in ndpca.groupby(["run", "arch", "scheme"], sort=False):
        part = part.sort_values("kbps")
        right.plot(part["kbps"], part["over_mean_db"], **_ndpca(str(arch), str(scheme)))
        band(right, part["kbps"].to_numpy(), part["low"].to_numpy(), part["high"].to_numpy(), ARCH_COLOUR[arch])
    left.set(ylabel="PSNR of mel features over the training mean (dB)", title="One microphone, given another")
    right.set(ylabel="PSNR of magnitudes over the mean spectrum (dB)", title="ndpca: clean speech from all microphones")
    for axes in (left, right):
        _rate_axis(axes)
    schemes = ndpca[["arch", "scheme"]].drop_duplicates().itertuples(index=False)
    handles = [key(FORM_NAME[form].replace(" (", "\n("), **form_style(form)) for form in FORMS]
    handles.append(key("distributed, y sent too\n(separate, at that rate)", **sent_too()))
    handles += [key(f"{arch}, {SCHEME_NAME[scheme].split(':')[0]}", **_ndpca(arch, scheme)) for arch, scheme in schemes]
    legend_right(fig, handles)
    caption(
        fig,
        "Payloads from bytes, headers apart. Heights left and right are of different targets and features and must not "
        "be held against each other; distances within a panel may be read. y sent too: a second stream, and x "
        "decoded with the y that came out of it. Bands: 95 % bootstrap over items; of ndpca "
        f"{ndpca['items'].max()}. From its last rate but one to the last it gains "
        f"{last_gain(ndpca):.2f} dB at most. {note}",
    )
    return fig


def last_gain(ndpca: pd.DataFrame) -> float:
    """dB that the dearest target of `curve` brought over the one before, of the run that gained most."""
    runs = ndpca.sort_values("kbps").groupby(["run", "scheme"], sort=False)["over_mean_db"]
    return float(runs.apply(lambda values: values.iloc[-1] - values.iloc[-2]).max())


def _rate_axis(axes: Axes) -> None:
    axes.set_xscale("log")
    axes.set_xticks(TICKS, [f"{tick:g}" for tick in TICKS])
    axes.minorticks_off()
    axes.axhline(0.0, color=GREY, linewidth=0.9)
    axes.set_xlabel("total rate (kbit/s)")


def sent_too() -> dict[str, Any]:
    """Of distributed codecs whose side information is paid for as well."""
    return form_style("distributed") | {"markerfacecolor": "white", "linestyle": ":"}


def _ndpca(arch: str, scheme: str) -> dict[str, Any]:
    plain = scheme != "ndpca"
    return {"color": ARCH_COLOUR[arch], "marker": "s" if plain else "o", "linestyle": "--" if plain else "-",
            "markerfacecolor": "white" if plain else ARCH_COLOUR[arch]}  # fmt: skip
