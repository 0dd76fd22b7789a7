"""MNIST's layout: `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-...`, each plain or with `.gz`.

The files lie in the root, or where torchvision puts them, in `raw/` or `MNIST/raw/`. Of the training file the first
half is for collecting gradients, the second for training on compressed ones, so that no image serves both (facts 4.2).
"""

from __future__ import annotations

import contextlib
import gzip
import struct
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal, cast

import numpy as np
import pandas as pd

from thinwire.corpora.arrays import read_arrays, write_arrays
from thinwire.errors import CorpusError, PipelineError
from thinwire.params.mnist import MnistExtraction

SIDE, CLASSES = 28, 10
IMAGES, LABELS = 0x803, 0x801
FOLDERS = ("", "raw", "MNIST/raw")
MOST_IMAGES = 10_000_000
Part = Literal["collecting", "federated", "test"]
PARTS: tuple[Part, ...] = ("collecting", "federated", "test")
SPLITS = {"collecting": "train", "federated": "dev", "test": "eval"}


@dataclass(frozen=True)
class Digits:
    """Images (n, 28, 28) uint8 and their labels (n,) uint8."""

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


class DigitStore:
    """Reads the segment folder of `mnist`."""

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self._table, self._arrays = read_arrays(self.folder, "mnist")

    def load(self, part: Part) -> Digits:
        """The images of a part; raises PipelineError when it has none."""
        chosen = np.flatnonzero(self._table["session"] == part)
        if not len(chosen):
            raise PipelineError(f"{self.folder}: no image is for {part}; give corpora.mnist.root more images")
        return Digits(self._arrays["images"][chosen], self._arrays["labels"][chosen])


def extract(root: Path, out: Path, settings: MnistExtraction, seed: int) -> None:
    """Write the segment folder `out`: a row an image (`session`: its part, `label`: its digit), `mnist.npz` with
    `images` and `labels`.

    Nothing is drawn at random, `seed` is not used. Raises CorpusError for a root that is no MNIST, for a damaged file,
    and by `on_bad_file` for an image whose label is not 0 to 9.
    """
    del seed
    train, test = read_digits(root, "train"), read_digits(root, "t10k")
    half = len(train) // 2
    images, labels = (np.concatenate([getattr(of, name) for of in (train, test)]) for name in ("images", "labels"))
    part = np.repeat(PARTS, [half, len(train) - half, len(test)])
    number = np.concatenate([np.arange(len(train)), np.arange(len(test))])
    good = labels < CLASSES
    if not good.all() and settings.on_bad_file == "stop":
        place = int(np.flatnonzero(~good)[0])
        raise CorpusError(
            f"{root}: the label of image {number[place]} ({part[place]}) is {labels[place]}, not 0 to 9; copy it again"
        )
    table = pd.DataFrame({"session": part, "number": number, "label": labels.astype(str)})[good]
    file = np.where(table["session"] == "test", "t10k", "train")
    table["segment_id"] = [f"{name}_{of:05d}" for name, of in zip(file, table["number"], strict=True)]
    table["split"] = table["session"].map(SPLITS)
    skipped = {"bad_label": int((~good).sum())} if not good.all() else {}
    write_arrays(out, "mnist", table, {"images": images[good], "labels": labels[good]}, skipped)


def survey(root: Path) -> tuple[dict[str, Any], list[str]]:
    """Counts of what stands in a root, and lines for what is missing; raises CorpusError when it is no MNIST."""
    parts = {"train": read_digits(root, "train"), "t10k": read_digits(root, "t10k")}
    found: dict[str, Any] = {f"{name} images": len(digits) for name, digits in parts.items()}
    missing = []
    for name, digits in parts.items():
        there = Counter(digits.labels.tolist())
        missing += [f"no image of a {digit} in {name}" for digit in range(CLASSES) if not there[digit]]
    return found, missing


def read_digits(root: Path, name: Literal["train", "t10k"]) -> Digits:
    """The images and labels of a pair of IDX files; raises CorpusError naming the file and what is wrong with it."""
    paths = _find(root, f"{name}-images-idx3-ubyte"), _find(root, f"{name}-labels-idx1-ubyte")
    images, labels = _read_idx(paths[0], IMAGES, (SIDE, SIDE)), _read_idx(paths[1], LABELS, ())
    if len(images) != len(labels):
        raise CorpusError(f"{paths[1]}: {len(labels)} labels for the {len(images)} images of {paths[0].name}; the "
                          "files belong to different copies, copy them again")  # fmt: skip
    return Digits(images, labels)


def _find(root: Path, name: str) -> Path:
    for folder in FOLDERS:
        for suffix in ("", ".gz"):
            path = root / folder / f"{name}{suffix}"
            if path.is_file():
                return path
    raise CorpusError(f"{root}: no {name} or {name}.gz in it; set corpora.mnist.root, or run: thinwire simulate mnist")


def _read_idx(path: Path, magic: int, shape: tuple[int, ...]) -> np.ndarray:
    """(n, *shape) uint8. Reads no more than the header declares, and no more than MOST_IMAGES images."""
    try:
        with contextlib.ExitStack() as stack:
            opened = gzip.open if path.suffix == ".gz" else open
            stream = cast(IO[bytes], stack.enter_context(opened(path, "rb")))
            header = stream.read(8 + 4 * len(shape))
            if len(header) < 8 + 4 * len(shape):
                raise CorpusError(f"{path}: ends within its header ({len(header)} bytes); copy it again")
            found, count, *sides = struct.unpack(f">{2 + len(shape)}I", header)
            if found != magic:
                raise CorpusError(f"{path}: begins with {found:#010x}, an IDX file of its name with {magic:#010x}; "
                                  "replace it")  # fmt: skip
            if tuple(sides) != shape:
                raise CorpusError(f"{path}: images of {' x '.join(map(str, sides))}, expected {SIDE} x {SIDE}")
            if not 1 < count <= MOST_IMAGES:
                raise CorpusError(f"{path}: its header declares {count} items, 2 to {MOST_IMAGES} are read; replace it")
            wanted = count * int(np.prod(shape, dtype=np.int64))
            body = stream.read(wanted + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise CorpusError(f"{path}: cannot be read ({error}); copy it again") from error
    if len(body) != wanted:
        there = "more follow" if len(body) > wanted else f"{len(body)} are there"
        raise CorpusError(f"{path}: its header declares {wanted} bytes, {there}; copy it again")
    return np.frombuffer(body, np.uint8).reshape(count, *shape)
