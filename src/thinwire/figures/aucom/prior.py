"""The learned prior of the trained codecs: is Eq. 24 a cumulative, and does noise in training cost what rounding costs
in use (Eq. 22, 23)?"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from torch import Tensor

from thinwire import kaldi
from thinwire.claims import Verdict
from thinwire.figures.aucom import runs as wing
from thinwire.figures.aucom.rate_distortion import SYMBOL_RATE
from thinwire.figures.aucom.verdicts import judge_holds
from thinwire.figures.paths import Page
from thinwire.figures.results import SEED
from thinwire.figures.style import GREY, caption
from thinwire.nn.factorised_prior import FactorisedPrior
from thinwire.segments import SegmentStore
from thinwire.systems.aucom.codec_net import AuComNet
from thinwire.training.state import load_tensors, load_weights

REACH, POINTS = 100.0, 20_001
"""In deviations of the latent: where a cumulative is looked at, and at how many points."""
FALL, ENDS = 1e-6, 1e-3
NOISE_BITS, NOISE_MSE = 0.05, 0.10
"""Shares by which noise may differ from rounding."""
DATA, CHUNKS = "universal", 48
_AT_ONCE = 12


def load_net(page: Page, run: str) -> AuComNet:
    """The trained codec of a run without its normalisation tables, frozen."""
    net = AuComNet(page.params.systems.aucom_codec, page.params.run(run))
    load_weights(page.path("models", run, "model.safetensors"), net)
    return net.eval().requires_grad_(False)


def load_codec(page: Page, run: str) -> AuComNet:
    """The same with its tables, as it is used."""
    net = load_net(page, run)
    tensors = load_tensors(page.path("models", run, "tables.safetensors"))
    net.normalisation.attach(tensors["mu"], tensors["sigma"])
    return net


def printed_cumulative(prior: FactorisedPrior, x: Tensor, generator: torch.Generator) -> Tensor:
    """Eq. 24 as it stands there, its parameters free: normal ones of the same shapes in place of the learned."""
    value = x.unsqueeze(1)
    for layer, (matrix, bias) in enumerate(zip(prior.matrices, prior.biases, strict=True)):
        A, b = (torch.randn(part.shape, generator=generator, dtype=x.dtype) for part in (matrix, bias))
        value = torch.baddbmm(b, A, value)
        if layer < len(prior.factors):
            C = torch.randn(prior.factors[layer].shape, generator=generator, dtype=x.dtype)
            value = value + C * torch.tanh(value)
    return value.squeeze(1).sigmoid()


def cumulatives(net: AuComNet, printed: bool = False, reach: float = REACH) -> tuple[np.ndarray, np.ndarray]:
    """Points (n,) and F_j there (rows, n), of the learned prior or of Eq. 24 as printed with random parameters."""
    x = torch.linspace(-reach, reach, POINTS, dtype=torch.float64)
    grid = x.expand(net.rows, -1)
    with torch.inference_mode():
        if printed:
            values = printed_cumulative(net.prior, grid, torch.Generator().manual_seed(SEED))
        else:
            values = copy.deepcopy(net.prior).double().cumulative(grid)
    return x.numpy(), values.numpy()


def cdf_table(page: Page, runs: Sequence[str]) -> pd.DataFrame:
    """What makes a cumulative, over all rows of each run, and of Eq. 24 as printed: prior, rows, largest_fall from one
    point to the next, highest_start, lowest_end, falling_percent of the rows, is_cdf.
    """
    rows = []
    for run in runs:
        rows.append(_measures(wing.name(run), cumulatives(load_net(page, run))[1]))
    rows.append(_measures("Eq. 24 as printed, random", cumulatives(load_net(page, runs[0]), printed=True)[1]))
    names = ["prior", "rows", "largest_fall", "highest_start", "lowest_end", "falling_percent", "is_cdf"]
    return pd.DataFrame(rows, columns=names)


def _measures(name: str, values: np.ndarray) -> tuple[str, int, float, float, float, float, bool]:
    fall = np.maximum(-np.diff(values, axis=1), 0.0).max(1)
    start, end = float(values[:, 0].max()), float(values[:, -1].min())
    right = bool(fall.max() <= FALL and start < ENDS and end > 1.0 - ENDS)
    return name, len(values), float(fall.max()), start, end, 100.0 * float((fall > FALL).mean()), right


def draw_cumulatives(page: Page, run: str, note: str, reach: float = 6.0, most: int = 12) -> Figure:
    """Left: learned cumulatives of some rows of a run. Right: Eq. 24 as printed, parameters random."""
    fig, panels = plt.subplots(1, 2, figsize=(10.6, 3.7), sharey=True)
    net = load_net(page, run)
    chosen = np.unique(np.linspace(0, net.rows - 1, most).round().astype(int))
    for axes, printed, title in zip(panels, (False, True), (wing.name(run), "Eq. 24 as printed"), strict=True):
        x, values = cumulatives(net, printed, reach)
        axes.plot(x, values[chosen].T, linewidth=1.2, color=wing.style(run)["color"] if not printed else GREY)
        axes.set(title=title, xlabel="normalised latent $\\tilde{r}$ (deviations)")
    panels[0].set_ylabel("cumulative F (1)")
    caption(
        fig,
        f"{len(chosen)} of {net.rows} rows. Left: softplus and tanh keep the weights where F can only rise. Right: the "
        "printed form leaves A and C free; with random ones F falls, or ends away from 0 and 1. " + note,
    )
    return fig


def chunk_features(page: Page) -> Tensor:
    """Features (n, H, L) of test chunks of all corpora, CHUNKS at most."""
    settings, split = page.params.systems.aucom_codec, page.params.evaluation.aucom.split
    clean = SegmentStore(page.path("data", "segments", DATA)).load(split, CHUNKS).clean
    audio = clean[:, : settings.chunk_frames * kaldi.HOP]
    return torch.from_numpy(kaldi.fbank(np.ascontiguousarray(audio), settings.n_mels))


@torch.inference_mode()
def noise_table(net: AuComNet, features: Tensor) -> pd.DataFrame:
    """Eq. 22 at step 1: `quantiser` noise and rounding, bits a symbol under the prior and mse of standardised features
    (n, H, L), means over chunks; symbols.
    """
    generator = torch.Generator().manual_seed(SEED)
    parts: dict[str, list[tuple[float, float]]] = {"noise": [], "rounding": []}
    for f in features.split(_AT_ONCE):
        x, scale = net.standardise(f), net.normalisation.tables
        normalised = scale.normalise(net.analyse(x))
        noise = torch.rand(normalised.shape, generator=generator) - 0.5
        for name, r_hat in (("noise", normalised + noise), ("rounding", normalised.round())):
            error = (net.synthesise(scale.restore(r_hat)) - x).square().mean((1, 2))
            parts[name] += zip(net.prior.bits(r_hat).mean((1, 2)).tolist(), error.tolist(), strict=True)
    rows = [(name, *np.mean(values, axis=0)) for name, values in parts.items()]
    return pd.DataFrame(rows, columns=["quantiser", "bits_per_symbol", "mse"])


def with_bytes(noise: pd.DataFrame, items: pd.DataFrame) -> pd.DataFrame:
    """`noise_table` and, below it, what the arithmetic coder's bytes and the features at tau 1 came to on the test
    `items` of one run.
    """
    own = items[items["tau"] == 1.0]
    bits = (own["kbps_arithmetic"] / own["rows"] / SYMBOL_RATE).mean()
    real = pd.DataFrame({"quantiser": ["bytes, arithmetic coder"], "bits_per_symbol": bits, "mse": own["mse"].mean()})
    return pd.concat([noise, real], ignore_index=True)


def judge(page: Page, cdf: pd.DataFrame, noise: pd.DataFrame) -> list[Verdict]:
    """Eq. 22 to 24: `cdf` is `cdf_table` of the claim's runs, `noise` is `noise_table`."""
    learned, printed = cdf.iloc[:-1], cdf.iloc[-1]
    measured = {
        "largest fall": learned["largest_fall"].max(), "highest start": learned["highest_start"].max(),
        "lowest end": learned["lowest_end"].min(),
    }  # fmt: skip
    reason = (
        f"{learned['rows'].sum()} rows; as printed, with random parameters, F falls in "
        f"{printed['falling_percent']:.0f} % of the rows, begins at up to {printed['highest_start']:.3g} and ends at "
        f"down to {printed['lowest_end']:.3g}"
    )
    evidence = [page.evidence("tables", "cumulatives"), page.evidence("figures", "cumulatives")]
    verdicts = [judge_holds(page, "aucom.prior_is_cdf", measured, bool(learned["is_cdf"].all()), evidence, reason)]
    values = noise.set_index("quantiser")
    gaps = values.loc["noise"] / values.loc["rounding"] - 1.0
    measured = {
        f"{column}, {name}": values.loc[name, column]
        for column in ("bits_per_symbol", "mse") for name in ("noise", "rounding")
    }  # fmt: skip
    holds = abs(gaps["bits_per_symbol"]) <= NOISE_BITS and abs(gaps["mse"]) <= NOISE_MSE
    reason = f"noise over rounding: {100 * gaps['bits_per_symbol']:+.1f} % bits, {100 * gaps['mse']:+.1f} % mse"
    return [*verdicts, judge_holds(page, "aucom.noise_vs_round", measured, bool(holds),
                                   [page.evidence("tables", "noise")], reason)]  # fmt: skip
