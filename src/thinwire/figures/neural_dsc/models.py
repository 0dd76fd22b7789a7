"""Trained codecs and priors, and the test items of their tables, for figures that look further than the tables."""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from thinwire.evaluation.neural_dsc.items import SIDES, Items, load_items, with_side
from thinwire.figures.neural_dsc.runs import codec_of, facts, row_of
from thinwire.figures.paths import Page
from thinwire.metrics.spectral import psnr
from thinwire.params.neural_dsc import NdscRow
from thinwire.systems.neural_dsc.model import NeuralDsc
from thinwire.systems.neural_dsc.prior import LatentPrior
from thinwire.training.state import load_weights


def load_net(page: Page, run: str) -> NeuralDsc:
    """The trained codec of a run (its first draw), frozen."""
    net = NeuralDsc(page.params.systems.neural_dsc, NdscRow(**row_of(page, run)), tuple(facts(page, run)["shape"]))
    load_weights(page.path("models", run, "model.safetensors"), net)
    return net.eval().requires_grad_(False)


def load_prior(page: Page, run: str) -> LatentPrior:
    """The trained prior of a run (its first draw), frozen."""
    grid, bits = facts(page, run)["grid"], row_of(page, codec_of(page, run))["bits"]
    prior = LatentPrior(page.params.systems.neural_dsc_prior, math.prod(grid), 1 << bits)
    load_weights(page.path("models", run, "model.safetensors"), prior)
    return prior.eval().requires_grad_(False)


def items_of(page: Page, run: str) -> Items:
    """The test items that a run's tables are about, in their order."""
    with contextlib.chdir(page.root):
        return load_items(page.params, NdscRow(**row_of(page, run)))


@dataclass(frozen=True)
class Decoded:
    """All test items of a codec as its tables have them: `indices` (n, *grid), side information and x_hat (n, *shape)
    by kind, and for each item the place of the one whose side information is the wrong one.
    """

    net: NeuralDsc
    items: Items
    indices: Tensor
    sides: dict[str, Tensor | None]
    outputs: dict[str, Tensor]
    wrong: np.ndarray

    @property
    def domain(self) -> str:
        """Of the codec's row."""
        return self.net.row.domain

    @torch.inference_mode()
    def given(self, y: Tensor) -> Tensor:
        """x_hat (n, *shape) of the indices with other side information y (n, *shape)."""
        return self.net.decode(self.indices, y, self.items.step)

    def psnr_of(self, x_hat: Tensor) -> np.ndarray:
        """dB (n,) of x_hat (n, *shape), as the tables count it."""
        x, decoded = (self.net.standardise(v).flatten(1)[:, None].numpy() for v in (self.items.x, x_hat))
        return psnr(x, decoded, 1.0)

    def psnr(self, si: str, place: int) -> float:
        """dB of one item."""
        return float(self.psnr_of(self.outputs[si])[place])


@torch.inference_mode()
def decode_items(page: Page, run: str) -> Decoded:
    """Encode a run's test items and decode them with each kind of side information."""
    net, items = load_net(page, run), items_of(page, run)
    indices = net.encode(items.x, items.y, items.step)
    sides = {si: with_side(items, si, net, page.params.seed) for si in SIDES}
    outputs = {si: net.decode(indices, side, items.step) for si, side in sides.items()}
    return Decoded(net, items, indices, sides, outputs, items.wrong)


def load_look(page: Page, run: str) -> dict[str, dict[str, np.ndarray]]:
    """look.npz of a codec by test item: x, y, indices, and x_hat by kind of side information."""
    found: dict[str, dict[str, np.ndarray]] = {}
    with np.load(page.path("results", run, "look.npz"), allow_pickle=False) as store:
        for name in store.files:
            item, _, what = name.rpartition("/")
            found.setdefault(item, {})[what] = store[name]
    return found
