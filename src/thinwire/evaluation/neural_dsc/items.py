"""Test items of the conditional VQ-VAE, and the four kinds of side information that its decoder is given."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from thinwire.corpora.bits import flip_probability
from thinwire.corpora.gradients import GradientStore
from thinwire.corpora.images import ImageStore
from thinwire.corpora.pairs import PairStore
from thinwire.params import Params
from thinwire.params.neural_dsc import SPEECH, NdscRow
from thinwire.seeding import derive_seed
from thinwire.segments import SegmentStore
from thinwire.systems.neural_dsc.model import NeuralDsc
from thinwire.systems.neural_dsc.speech import prepare
from thinwire.training.adapters.ndsc_images import image_tensor
from thinwire.training.build import DATA

SIDES = ("correct", "wrong", "random", "absent")
_GROUP = {"stereo": "session", "halves": "session", "mel": "speaker", "stft": "speaker", "gradients": "session"}


@dataclass(frozen=True)
class Items:
    """Items x and y (n, *shape), `step` (n,) of gradients; `table` with segment_id, group (whose it is: talker,
    photograph, run), scene (of speech what was recorded together, else the group) and p of bits; `audio` (n, samples)
    of speech.
    """

    table: pd.DataFrame
    x: Tensor
    y: Tensor
    step: Tensor | None = None
    audio: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.table)

    @property
    def wrong(self) -> np.ndarray:
        """(n,) places of the items whose side information is each item's wrong one."""
        return others(self.table["group"].to_numpy(), self.table["scene"].to_numpy())

    def take(self, index: np.ndarray) -> Items:
        """The items at some places."""
        place = torch.from_numpy(index)
        return Items(
            self.table.iloc[index].reset_index(drop=True), self.x[place], self.y[place],
            None if self.step is None else self.step[place], None if self.audio is None else self.audio[index],
        )  # fmt: skip


def spread(count: int, most: int) -> np.ndarray:
    """At most `most` places of `count`, evenly spread."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))


def load_items(params: Params, row: NdscRow) -> Items:
    """The test items of a codec's row: evaluation.neural_dsc.items of maps and gradients, all blocks of bits."""
    most, folder = params.evaluation.neural_dsc.items, DATA / row.data
    if row.domain == "bits":
        blocks = PairStore(folder).load("eval")
        table = blocks.table[["segment_id"]].assign(group="", scene="", p=flip_probability(blocks.table))
        return Items(table, torch.from_numpy(blocks.x).float(), torch.from_numpy(blocks.y).float())
    if row.domain == "gradients":
        store = GradientStore(folder)
        pairs = store.load("eval")
        table = store.table[store.table["split"] == "eval"].reset_index(drop=True)
        x, y, step = (torch.from_numpy(v) for v in (pairs.x, pairs.y, pairs.step))
        whole = Items(_named(table, row), x, y, step)
        return whole.take(spread(len(table), most))
    if row.domain in SPEECH:
        segments = SegmentStore(folder).load("eval")
        chosen = spread(len(segments.table), most)
        sources = segments.noisy[chosen], segments.clean[chosen]
        speech = prepare(*sources, row.domain, row.pair, params.systems.neural_dsc.spectrum)
        table = segments.table.iloc[chosen].reset_index(drop=True)
        return Items(_named(table, row), speech.x, speech.y, audio=speech.audio)
    images = ImageStore(folder).load("eval")
    chosen = spread(len(images.table), most)
    table = _named(images.table.iloc[chosen].reset_index(drop=True), row)
    return Items(table, image_tensor(images.x[chosen]), image_tensor(images.y[chosen]))


def _named(table: pd.DataFrame, row: NdscRow) -> pd.DataFrame:
    return table[["segment_id"]].assign(group=table[_GROUP[row.domain]].astype(str), scene=table["session"].astype(str))


def with_side(items: Items, kind: str, model: NeuralDsc, seed: int) -> Tensor | None:
    """The side information of a kind (n, *shape): the item's own; that of `Items.wrong`; noise with the mean
    and spread of training side information (images: of one grey level's range; bits: coin throws); or None.
    """
    if kind == "correct":
        return items.y
    if kind == "wrong":
        return items.y[torch.from_numpy(items.wrong)]
    if kind == "absent":
        return None
    generator = torch.Generator().manual_seed(derive_seed(seed, "random side information"))
    noise = torch.randn(items.y.shape, generator=generator)
    if model.row.domain == "bits":
        return (noise > 0.0).float()
    if model.row.domain in ("stereo", "halves"):
        return (0.25 * noise).clamp(-0.5, 0.5)  # the reference's clipped Gaussian
    return model.side_mean + model.side_std * noise


def others(groups: np.ndarray, scenes: np.ndarray) -> np.ndarray:
    """For each item the place of another whose side information is the wrong one: of another group and another scene;
    of another group where there is one scene, and of any where there is one group.

    The k-th item of a scene (of a group, where there is one scene) gets the k-th of those that may be chosen, counted
    from the next scene on and from the front again past the last: items of a scene share one only where there are
    fewer to choose from than items.
    """
    group, scene = pd.factorize(groups)[0], pd.factorize(scenes)[0]
    unit = scene if scene.any() else group
    order = np.argsort(unit, kind="stable")
    found = np.empty(len(unit), int)
    for own in range(unit.max(initial=-1) + 1):
        members = np.flatnonzero(unit == own)
        following = np.concatenate([order[unit[order] > own], order[unit[order] <= own]])
        for k, place in enumerate(members):
            elsewhere = following[group[following] != group[place]]
            apart = elsewhere[scene[elsewhere] != scene[place]]
            choices = next((some for some in (apart, elsewhere, following[following != place]) if len(some)), following)
            found[place] = choices[k % len(choices)]
    return found
