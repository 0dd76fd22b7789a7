"""What the learned coders are compared with: the 3-bit example and Proposition 1, exactly; syndrome codes on the test
blocks of bits; and gradient coders in use, on test gradients and while a network trains.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from thinwire.artifacts import atomic_path, write_json
from thinwire.corpora.bits import flip_probability
from thinwire.corpora.gradients import GradientStore
from thinwire.corpora.mnist import DigitStore
from thinwire.corpora.pairs import PairStore
from thinwire.evaluation.neural_dsc.federated import Federation, distortions, training_curves
from thinwire.evaluation.neural_dsc.items import spread
from thinwire.evaluation.places import RESULTS
from thinwire.params import Params
from thinwire.progress import track
from thinwire.seeding import derive_seed, seed_everything
from thinwire.systems.neural_dsc import toy
from thinwire.systems.neural_dsc.delbo import check_proposition
from thinwire.systems.neural_dsc.gradient_coders import GradientCoder, coders_in_use
from thinwire.systems.neural_dsc.gradient_vq import VqGradientCoder
from thinwire.systems.neural_dsc.slepian_wolf import (
    DECODINGS,
    SyndromeCode,
    block_errors,
    copying_bler,
    slepian_wolf_limit,
)
from thinwire.training.adapters.neural_dsc import load_codec
from thinwire.training.build import DATA

FOLDER = RESULTS / "neural_dsc_compared"
LEARNED = ("grad_j", "grad_d", "grad_s")
"""Runs of the gradient domain, joint, distributed, separate."""


def compare(params: Params) -> None:
    """Write results/neural_dsc_compared: toy.parquet, delbo.parquet, flipped.parquet, gradients.parquet,
    federated.parquet, and compared.json with the limits.
    """
    seed_everything(params.seed)
    settings = params.evaluation.neural_dsc
    coders = all_coders(params)
    with atomic_path(FOLDER, directory=True) as folder:
        toy.enumerate_pairs().to_parquet(folder / "toy.parquet", index=False)
        rng = np.random.default_rng(derive_seed(params.seed, "delbo"))
        check_proposition(rng, settings.models).to_parquet(folder / "delbo.parquet", index=False)
        flipped_blocks(params).to_parquet(folder / "flipped.parquet", index=False)
        store = GradientStore(DATA / "gradients")
        table = store.table[store.table["split"] == "eval"]
        chosen = spread(len(table), settings.items)
        pairs = store.load("eval")
        some = type(pairs)(pairs.x[chosen], pairs.y[chosen], pairs.step[chosen])
        ids = table["segment_id"].to_numpy()[chosen].tolist()
        distortions(coders, some, ids, params.seed).to_parquet(folder / "gradients.parquet", index=False)
        federated(params, coders, store.steps).to_parquet(folder / "federated.parquet", index=False)
        limits = {
            "fewest_messages": {form: toy.fewest_messages(form) for form in ("joint", "distributed", "separate")},
            "entropies": toy.entropies(),
            "slepian_wolf_limit": slepian_wolf_limit(),
        }
        write_json(folder / "compared.json", limits)


def all_coders(params: Params) -> list[GradientCoder]:
    """The learned coders, and those in use at the bits of the learned."""
    learned = [VqGradientCoder(name, load_codec(params, name)) for name in LEARNED]
    values, budget = learned[0].model.shape[0], sum(learned[0].spending.values())
    return [*learned, *coders_in_use(values, budget)]


def flipped_blocks(params: Params) -> pd.DataFrame:
    """Block errors of syndrome decoding and of copying, one row a block, decoder and probability: p, decoder,
    segment_id, block_error, bit_errors; `copying, exact` is its closed form, one row a probability.
    """
    settings = params.evaluation.neural_dsc
    blocks = PairStore(DATA / "bits").load("eval")
    p = flip_probability(blocks.table)
    ids = blocks.table["segment_id"].to_numpy()
    parts: list[pd.DataFrame] = []
    for value in track(np.unique(p), "syndrome codes"):
        place = np.flatnonzero(p == value)[: settings.flipped_blocks]
        x, y = blocks.x[place], blocks.y[place]
        parts.append(_blocks("copying", value, ids[place], x, y))
        exact = {"decoder": "copying, exact", "p": value, "block_error": float(copying_bler(value))}
        parts.append(pd.DataFrame([exact]))
        for name, decoding in DECODINGS.items():
            code = SyndromeCode(decoding)
            parts.append(_blocks(name, value, ids[place], x, code.decode(code.encode(x), y, float(value))))
    return pd.concat(parts, ignore_index=True)


def _blocks(decoder: str, p: float, ids: np.ndarray, x: np.ndarray, x_hat: np.ndarray) -> pd.DataFrame:
    wrong = (x != x_hat).sum(1)
    return pd.DataFrame(
        {"decoder": decoder, "p": p, "segment_id": ids, "block_error": block_errors(x, x_hat).astype(float),
         "bit_errors": wrong}
    )  # fmt: skip


def federated(params: Params, coders: Sequence[GradientCoder], collected_steps: int) -> pd.DataFrame:
    """Training curves with every coder, with `epoch`: passes over a worker's images."""
    settings = params.evaluation.neural_dsc.federated
    store = DigitStore(DATA / "mnist")
    digits, test = store.load("federated"), store.load("test")
    a_pass = max(1, len(digits) // 2 // settings.batch)
    how = Federation(
        steps=settings.epochs * a_pass, batch=settings.batch, lr=settings.lr, seeds=settings.seeds, every=a_pass,
        collected_steps=collected_steps,
    )  # fmt: skip
    curves = training_curves(coders, digits, test, how, params.seed)
    return curves.assign(epoch=curves["step"] / a_pass)
