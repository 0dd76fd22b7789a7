"""Blocks of bits with side information: `bits.npz` with x and y (n, 648), p (n,) and split (n,).

x is Bernoulli(1/2), y = x xor Bernoulli(p). There is no original: the simulation draws them once, extraction checks and
passes them on, so that every coder is measured on the same blocks.
"""

from __future__ import annotations

import zipfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from thinwire.corpora.files import SPLITS
from thinwire.corpora.pairs import PairWriter
from thinwire.errors import CorpusError
from thinwire.params.bits import BitsExtraction

BLOCK = 648
NAME = "bits.npz"


@dataclass(frozen=True)
class Blocks:
    """x, y (n, 648) uint8 of 0 and 1, the flip probability p (n,) that drew y, and split (n,)."""

    x: np.ndarray
    y: np.ndarray
    p: np.ndarray
    split: np.ndarray


def read_blocks(root: Path) -> Blocks:
    """The blocks of a root; raises CorpusError when the file is missing, damaged, or not as `bits.npz` has to be."""
    path = root / NAME
    if not path.is_file():
        raise CorpusError(f"{path}: no such file; set corpora.bits.root, or run: thinwire simulate bits")
    try:
        with np.load(path, allow_pickle=False) as stored:
            blocks = Blocks(*(stored[name] for name in ("x", "y", "p", "split")))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise CorpusError(f"{path}: not an NPZ file of x, y, p and split ({error}); simulate it again") from error
    n = len(blocks.p) if blocks.p.ndim == 1 else -1
    faults = {
        f"x and y are not (n, {BLOCK}) of 0 and 1": not all(
            part.shape == (n, BLOCK) and part.dtype == np.uint8 and part.max(initial=0) <= 1
            for part in (blocks.x, blocks.y)
        ),
        "p is not (n,) from 0 to 0.5": blocks.p.dtype.kind != "f" or not ((blocks.p >= 0) & (blocks.p <= 0.5)).all(),
        f"split is not (n,) of {', '.join(SPLITS)}": blocks.split.shape != (n,)
        or not np.isin(blocks.split, SPLITS).all(),
        "there is no block": n == 0,
    }
    if found := [fault for fault, there in faults.items() if there]:
        raise CorpusError(f"{path}: {found[0]}; simulate it again")
    return blocks


def extract(root: Path, out: Path, settings: BitsExtraction, seed: int) -> None:
    """Write the segment folder `out`; `label` is p. Nothing is drawn at random, `seed` is not used.

    Raises CorpusError as `read_blocks`.
    """
    del seed, settings
    blocks = read_blocks(root)
    with PairWriter(out, "bits", ["x", "y"]) as writer:
        for index, (x, y, p, split) in enumerate(zip(blocks.x, blocks.y, blocks.p, blocks.split, strict=True)):
            name = f"block{index:06d}"
            writer.put(x, y, segment_id=name, split=str(split), session=name, label=f"{float(p)!r}")


def flip_probability(table: pd.DataFrame) -> np.ndarray:
    """(n,) the p of each block of a segment table of `bits`."""
    return table["label"].to_numpy(dtype=float)


def survey(root: Path) -> tuple[dict[str, Any], list[str]]:
    """Blocks of each split; raises CorpusError when it is no such corpus."""
    counts = Counter(map(str, read_blocks(root).split))
    found: dict[str, Any] = {f"blocks in {split}": counts[split] for split in SPLITS}
    return found, [f"no block in {split}; simulate it again" for split in SPLITS if not counts[split]]
