"""Bernoulli blocks with flipped copies."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from thinwire.corpora.bits import BLOCK, NAME
from thinwire.params.bits import BitsSimulation
from thinwire.params.corpora import Simulate
from thinwire.seeding import rng as named_rng


def write_bits(settings: Simulate, seed: int, out: Path) -> None:
    """Write `bits.npz`: training and dev blocks each with its own p, test blocks at each stated p."""
    size: BitsSimulation = settings.bits
    draws = named_rng(seed, "bits")
    counts = {"train": size.train, "dev": size.dev, "eval": size.eval_blocks * len(size.eval_p)}
    split = np.repeat(list(counts), list(counts.values()))
    p = np.concatenate(
        [draws.uniform(*size.train_p, size=size.train + size.dev), np.repeat(np.array(size.eval_p), size.eval_blocks)]
    )
    x = draws.integers(0, 2, (len(p), BLOCK), dtype=np.uint8)
    y = x ^ (draws.random((len(p), BLOCK), dtype=np.float32) < p[:, None].astype(np.float32))
    np.savez(out / NAME, x=x, y=y.astype(np.uint8), p=p, split=split)
