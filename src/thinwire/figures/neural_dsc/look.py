"""A look inside: the codebook, what the prior attends to, the conditioning map, and one item on its way."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from torch import Tensor

from thinwire.figures.neural_dsc.maps import DECIBELS, show_grid, show_map, upright
from thinwire.figures.neural_dsc.models import Decoded
from thinwire.figures.neural_dsc.runs import SIDE_NAME, SIDES
from thinwire.figures.paths import Page
from thinwire.figures.results import read_table
from thinwire.figures.style import GREY, SOURCE_COLOUR, caption
from thinwire.systems.neural_dsc.conv import ConvDecoder
from thinwire.systems.neural_dsc.model import NeuralDsc
from thinwire.systems.neural_dsc.prior import LatentPrior


def plane(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The two principal directions of vectors (n, d): coordinates (n, 2), and shares of the variance (2,)."""
    centred = vectors - vectors.mean(0)
    left, values, _ = np.linalg.svd(centred, full_matrices=False)
    power = np.square(values)
    coordinates, shares = left[:, :2] * values[:2], power[:2] / max(float(power.sum()), 1e-12)
    short = 2 - coordinates.shape[1]
    return np.pad(coordinates, ((0, 0), (0, short))), np.pad(shares, (0, short))


def usage(page: Page, net: NeuralDsc, run: str) -> pd.DataFrame:
    """A row a codeword, the most used first: codeword, count over test items, share, norm of its vector."""
    table = read_table(page, run, "usage")
    norms = np.linalg.norm(net.quantiser.codebook.numpy(), axis=1)
    table = table.assign(share=table["count"] / max(int(table["count"].sum()), 1), norm=norms[table["codeword"]])
    return table.sort_values("count", ascending=False, kind="stable", ignore_index=True)


def perplexity(table: pd.DataFrame) -> float:
    """2^entropy of `usage`: as many codewords, equally used, would say as much."""
    share = table["share"][table["share"] > 0]
    return float(2.0 ** -(share * np.log2(share)).sum())


def draw_codebook(net: NeuralDsc, table: pd.DataFrame, note: str) -> Figure:
    """Codewords as rows of numbers, how often each is used, and all of them in the plane of their largest spread."""
    codebook = net.quantiser.codebook.numpy()[table["codeword"]]
    fig, (left, middle, right) = plt.subplots(1, 3, figsize=(12.8, 4.2), width_ratios=(1.2, 1.0, 1.1))
    limit = float(np.quantile(np.abs(codebook), 0.995)) or 1.0
    image = left.imshow(codebook, aspect="auto", interpolation="nearest", cmap="RdBu_r", vmin=-limit, vmax=limit)
    left.grid(visible=False)
    left.set(title="Codewords", xlabel="number of a codeword", ylabel="codeword, most used first")
    fig.colorbar(image, ax=left, pad=0.01)
    middle.plot(np.arange(1, len(table) + 1), 100.0 * table["share"], color=SOURCE_COLOUR[0])
    middle.axhline(100.0 / len(table), color=GREY, linestyle="--", linewidth=1.0)
    used = int((table["count"] > 0).sum())
    middle.set(title=f"Use: {used} of {len(table)}, perplexity {perplexity(table):.0f}", xlabel="rank",
               ylabel="share of test indices (%)", ylim=(0, None))  # fmt: skip
    places, shares = plane(codebook)
    size = 8.0 + 160.0 * table["share"] / max(float(table["share"].max()), 1e-12)
    dead = (table["count"] == 0).to_numpy()
    right.scatter(*places[~dead].T, size[~dead], color=SOURCE_COLOUR[0], alpha=0.5)
    right.scatter(*places[dead].T, 18, color=SOURCE_COLOUR[5], marker="x")
    right.set(title="In their plane of largest spread", xlabel=f"first direction ({100 * shares[0]:.0f} % of variance)",
              ylabel=f"second ({100 * shares[1]:.0f} %)")  # fmt: skip
    caption(fig, f"Dashed: all codewords used alike. Area of a point: its use; crosses: used by no test item. {note}")
    return fig


@torch.no_grad()
def attention(prior: LatentPrior, indices: Tensor) -> np.ndarray:
    """Weights (blocks, heads, L, L) of the prior on one item's indices (*grid)."""
    return prior.attention(indices.flatten()[None])[:, 0].numpy()


def attention_table(weights: np.ndarray, grid: tuple[int, int]) -> pd.DataFrame:
    """What each head of each block looks at, mean over positions: shares of attention on the start token, on the
    position before, on the one above (a row of the grid back), and how many positions it looks at (2^entropy).
    """
    length, width = weights.shape[-1], grid[1]
    place = np.arange(length)
    rows = []
    for block, heads in enumerate(weights):
        for head, each in enumerate(heads):
            # column k of a query stands for what is known there: the start token, then index k - 1
            spread = 2.0 ** -(each * np.log2(np.maximum(each, 1e-30))).sum(1)
            above = each[place[width:], place[width:] - width + 1].mean() if length > width else np.nan
            rows.append((block + 1, head + 1, each[:, 0].mean(), np.diagonal(each)[1:].mean(), above, spread.mean()))
    return pd.DataFrame(rows, columns=["block", "head", "start", "before", "above", "positions"])


def draw_attention(found: Decoded, prior: LatentPrior, item: int = 0, note: str = "") -> Figure:
    """Attention of every block, heads averaged, and from three positions back onto the grid of codes."""
    weights = attention(prior, found.indices[item])
    grid = tuple(found.indices.shape[1:])
    blocks, length = weights.shape[0], weights.shape[-1]
    queries = [round(length * share) - 1 for share in (0.3, 0.65, 1.0)]
    fig, panels = plt.subplots(blocks, 4, figsize=(12.8, 2.8 * blocks + 0.7), squeeze=False)
    origin = upright(found.domain)
    for block, line in enumerate(panels):
        each = weights[block].mean(0)
        line[0].grid(visible=False)
        image = line[0].imshow(np.sqrt(each), cmap="magma", vmin=0.0, vmax=float(np.sqrt(np.quantile(each, 0.999))))
        line[0].set(title=f"block {block + 1}, mean of heads", xlabel="looks at", ylabel="position to be coded")
        fig.colorbar(image, ax=line[0], label="square root of weight", pad=0.01)
        for axes, query in zip(line[1:], queries, strict=True):
            seen = np.full(length, np.nan)
            seen[:query] = each[query, 1 : query + 1]
            row, column = divmod(query, grid[1])
            title = f"before code {query + 1} of {length}; start {each[query, 0]:.2f}"
            image = show_grid(axes, seen.reshape(grid), title, cmap="magma", vmin=0.0, origin=origin)
            axes.title.set_fontsize(8.5)
            axes.plot(column, row, "o", markersize=7, markerfacecolor="none", color=SOURCE_COLOUR[4])
            fig.colorbar(image, ax=axes, pad=0.01)
    caption(
        fig,
        "Left: each row sums to 1; nothing right of the diagonal, which is later. The first column is the start token. "
        f"Right: weights on the codes that are known, over the grid; the ring is the code to come, blank later. {note}",
    )
    return fig


@torch.no_grad()
def conditioning(net: NeuralDsc, y: Tensor) -> np.ndarray:
    """The conditioning map (C, h, w) of one y (C, H, W), as the decoder gets it."""
    assert isinstance(net.decoder, ConvDecoder)
    found = net.decoder.conditioning((y[None] - net.side_mean) / net.side_std)
    assert found is not None
    return found[0].numpy()


def draw_item(found: Decoded, item: int = 0, note: str = "") -> Figure:
    """One item on its way: x, indices, decoded; y, conditioning map with right and with wrong y; errors by y."""
    place, net, domain = item % len(found.items), found.net, found.domain
    x, y, wrong = (found.items.x[place], found.items.y[place], found.items.y[int(found.wrong[place])])
    fig, panels = plt.subplots(3, 4, figsize=(12.8, 6.6 if domain in ("stereo", "halves") else 7.6))
    top = float(x.max())
    for axes, values, title in (
        (panels[0][0], x, "x"), (panels[0][2], found.outputs["correct"][place], "decoded with its own y"),
        (panels[0][3], found.outputs["absent"][place], "decoded without y"), (panels[1][0], y, "y: its own"),
        (panels[2][0], wrong, "y: another item's"),
    ):  # fmt: skip
        show_map(axes, values.numpy(), domain, top)
        axes.set_title(title)
    origin = upright(domain)
    image = show_grid(panels[0][1], found.indices[place].numpy(), "indices", cmap="twilight", origin=origin)
    fig.colorbar(image, ax=panels[0][1], pad=0.01)
    maps = np.stack([conditioning(net, side) for side in (y, wrong)])
    for column, channel in enumerate(np.argsort(-maps[0].var(axis=(1, 2)))[:2], 1):
        ends = {"vmin": float(maps[:, channel].min()), "vmax": float(maps[:, channel].max())}
        for line in (1, 2):
            axes, title = panels[line][column], f"conditioning, channel {channel}"
            image = show_grid(axes, maps[line - 1, channel], title, cmap="viridis", origin=origin, **ends)
            fig.colorbar(image, ax=axes, pad=0.01)
    image_item = domain in ("stereo", "halves")
    unit = 1.0 if image_item else DECIBELS
    errors = {si: unit * (found.outputs[si][place] - x).square().mean(0).sqrt().numpy() for si in ("correct", "wrong")}
    shown = ((panels[1][3], "correct", "error, its own y"), (panels[2][3], "wrong", "error, another's y"))
    for axes, si, title in shown:
        error, worst = errors[si], float(errors["wrong"].max())
        title = f"{title}: {found.psnr(si, place):.1f} dB"
        image = show_grid(axes, error, title, cmap="magma", vmin=0.0, vmax=worst, origin=origin)
        fig.colorbar(image, ax=axes, pad=0.01, label="RMS, pixels span 1" if image_item else "dB")
    for axes in panels.flat:
        axes.title.set_fontsize(9)
    if not image_item:
        for axes in (*panels[:, 0], *panels[0][2:]):
            axes.set(xlabel="time (s)", ylabel="mel band")
    caption(
        fig,
        "The two channels of the conditioning map that vary most over the item's own y; the map stands beside the "
        f"first feature map of the codes, {maps.shape[1]} channels each. {note}",
    )
    return fig


def item_table(found: Decoded, most: int = 4) -> pd.DataFrame:
    """PSNR of the first items with every kind of side information."""
    rows = [
        {"segment_id": found.items.table["segment_id"].iloc[place], "group": found.items.table["group"].iloc[place]}
        | {f"psnr, y: {SIDE_NAME[si]}": found.psnr(si, place) for si in SIDES}
        | {"different codes": int(found.indices[place].unique().numel())}
        for place in range(min(most, len(found.items)))
    ]
    return pd.DataFrame(rows)
