"""MNIST's layout from the digits that scikit-learn ships: 8 x 8 images, scaled to about 20 x 20 in a frame of 28 x 28.

There are 1797 of them, of which two workers' halves would soon be known by heart; so the training file holds each
several times, moved, turned and scaled a little.
"""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
from scipy.ndimage import affine_transform

from thinwire.params.corpora import Simulate
from thinwire.seeding import rng as named_rng

SIDE, SHIPPED, BOX, LEVELS = 28, 8, 20, 16
TURN, MOVE, SCALE = np.radians(12.0), 1.5, 0.1


def write_mnist(settings: Simulate, seed: int, out: Path) -> None:
    """Write the four compressed IDX files. The digits come in blocks by writer and stay in their order, variants of one
    side by side, so that those of the test file are mostly by writers who are not in the training file.
    """
    from sklearn.datasets import load_digits

    size, digits = settings.mnist, load_digits()
    shipped, labels = digits.images / LEVELS, digits.target.astype(np.uint8)
    train = [
        _drawn(shipped[i], named_rng(seed, "mnist", i, variant) if variant else None)
        for i in range(size.train)
        for variant in range(size.variants)
    ]
    _write_idx(out / "train-images-idx3-ubyte.gz", np.stack(train))
    _write_idx(out / "train-labels-idx1-ubyte.gz", np.repeat(labels[: size.train], size.variants))
    _write_idx(out / "t10k-images-idx3-ubyte.gz", np.stack([_drawn(digit, None) for digit in shipped[-size.test :]]))
    _write_idx(out / "t10k-labels-idx1-ubyte.gz", labels[-size.test :])


def _drawn(digit: np.ndarray, generator: np.random.Generator | None) -> np.ndarray:
    """(28, 28) uint8 of an (8, 8) digit in 0..1, varied by the generator if there is one."""
    turn, zoom, move = 0.0, 1.0, np.zeros(2)
    if generator is not None:
        turn, zoom = generator.uniform(-TURN, TURN), 1.0 + generator.uniform(-SCALE, SCALE)
        move = generator.uniform(-MOVE, MOVE, 2)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    matrix = rotation * SHIPPED / BOX / zoom
    offset = (SHIPPED - 1) / 2 - matrix @ ((SIDE - 1) / 2 + move)
    image = affine_transform(digit, matrix, offset, (SIDE, SIDE), order=1)
    return np.rint(255.0 * image.clip(0.0, 1.0)).astype(np.uint8)


def _write_idx(path: Path, values: np.ndarray) -> None:
    header = struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape)
    path.write_bytes(gzip.compress(header + values.tobytes(), mtime=0))
