"""MNIST's IDX files good and bad, the parts that images serve, the simulator."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from thinwire.artifacts import read_json
from thinwire.corpora.mnist import DigitStore, extract, read_digits, survey
from thinwire.corpora.simulate.mnist import write_mnist
from thinwire.errors import CorpusError, PipelineError
from thinwire.params.corpora import Simulate
from thinwire.params.mnist import MnistExtraction

TRAIN, TEST, SIDE = 20, 6, 28


def idx(values: np.ndarray, kind: int = 8) -> bytes:
    return struct.pack(f">HBB{values.ndim}I", 0, kind, values.ndim, *values.shape) + values.tobytes()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """20 and 6 images, the k-th of which is k everywhere; labels 0, 1, ... 9, 0, ..."""
    folder = tmp_path / "mnist"
    folder.mkdir()
    for name, count in (("train", TRAIN), ("t10k", TEST)):
        images = np.repeat(np.arange(count, dtype=np.uint8), SIDE * SIDE).reshape(count, SIDE, SIDE)
        (folder / f"{name}-images-idx3-ubyte").write_bytes(idx(images))
        (folder / f"{name}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(np.arange(count, dtype=np.uint8) % 10)))
    return folder


def run(root: Path, **changes: Any) -> DigitStore:
    out = root.parent / "segments"
    out.mkdir(exist_ok=True)
    extract(root, out, MnistExtraction(**changes), seed=0)
    return DigitStore(out)


def test_no_image_serves_two_parts(root: Path) -> None:
    store = run(root)
    parts = {part: store.load(part) for part in ("collecting", "federated", "test")}  # type: ignore[arg-type]
    values = {part: digits.images[:, 0, 0].tolist() for part, digits in parts.items()}
    assert values == {"collecting": list(range(10)), "federated": list(range(10, 20)), "test": list(range(6))}
    assert all((digits.labels == digits.images[:, 5, 5] % 10).all() for digits in parts.values())
    report = read_json(store.folder / "report.json")
    assert report["splits"] == {"dev": 10, "eval": 6, "train": 10} and report["skipped"] == {}


@pytest.mark.parametrize("folder", ["raw", "MNIST/raw"])
def test_found_where_torchvision_puts_it(root: Path, folder: str) -> None:
    inner = root.parent / "data" / folder
    inner.parent.mkdir(parents=True)
    root.rename(inner)
    found, missing = survey(root.parent / "data")
    assert found == {"train images": TRAIN, "t10k images": TEST}
    assert missing == [f"no image of a {digit} in t10k" for digit in (6, 7, 8, 9)]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", r"ends within its header \(0 bytes\)"),
        (idx(np.zeros((20, 28, 28), np.uint8))[:15], "ends within its header"),
        (idx(np.zeros((20, 28, 28), np.uint8))[:-1], "declares 15680 bytes, 15679 are there"),
        (idx(np.zeros((20, 28, 28), np.uint8)) + b"\0", "more follow"),
        (idx(np.zeros((20, 32, 32), np.uint8)), "images of 32 x 32, expected 28 x 28"),
        (idx(np.zeros((20, 28, 28), np.uint8), 13), "begins with 0x00000d03, an IDX file of its name with 0x00000803"),
        (idx(np.zeros((19, 28, 28), np.uint8)), "20 labels for the 19 images"),
        (struct.pack(">4I", 0x803, 2**32 - 1, 28, 28), "declares 4294967295 items"),
        (struct.pack(">4I", 0x803, 1_000_000, 28, 28), "784000000 bytes, 0 are there"),
    ],
)
def test_damaged_images(root: Path, data: bytes, message: str) -> None:
    (root / "train-images-idx3-ubyte").write_bytes(data)
    with pytest.raises(CorpusError, match=message):
        run(root)


@pytest.mark.parametrize("cut", [3, 20, -3])
def test_damaged_gzip(root: Path, cut: int) -> None:
    path = root / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(CorpusError, match="t10k-labels-idx1-ubyte.gz: (cannot be read|ends within)"):
        run(root)


def test_a_label_that_is_no_digit(root: Path) -> None:
    labels = np.arange(TRAIN, dtype=np.uint8) % 10
    labels[12] = 10
    (root / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels)))
    with pytest.raises(CorpusError, match=r"the label of image 12 \(federated\) is 10, not 0 to 9"):
        run(root)
    store = run(root, on_bad_file="skip")
    assert read_json(store.folder / "report.json")["skipped"] == {"bad_label": 1}
    assert store.load("federated").images[:, 0, 0].tolist() == [10, 11, *range(13, 20)]


def test_roots_and_folders_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no train-images-idx3-ubyte or .*set corpora.mnist.root"):
        survey(tmp_path)
    with pytest.raises(PipelineError, match="thinwire extract mnist"):
        DigitStore(tmp_path)


def test_simulated(tmp_path: Path) -> None:
    """Same seed, same bytes; the first variant of a digit is the shipped one; a linear classifier learns from them."""
    settings = Simulate(mnist={"train": 300, "test": 100, "variants": 2})
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        (tmp_path / name).mkdir()
        write_mnist(settings, seed, tmp_path / name)
    a, b, c = (read_digits(tmp_path / name, "train") for name in "abc")
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in files)
    assert (a.images[::2] == c.images[::2]).all() and (a.images[1::2] != c.images[1::2]).any((1, 2)).all()
    shipped = load_digits()
    assert (b.labels == np.repeat(shipped.target[:300], 2)).all()
    boxes = a.images[::2, 4:24, 4:24].reshape(-1, 4, 5, 4, 5).mean((2, 4))
    halved = shipped.images[:300].reshape(-1, 4, 2, 4, 2).mean((2, 4))
    assert np.corrcoef(boxes.ravel(), halved.ravel())[0, 1] > 0.97
    test = read_digits(tmp_path / "a", "t10k")
    model = LogisticRegression(C=0.1, max_iter=500).fit(a.images.reshape(600, -1) / 255.0, a.labels)
    assert len(test) == 100 and model.score(test.images.reshape(100, -1) / 255.0, test.labels) > 0.75


def test_more_digits_than_there_are() -> None:
    with pytest.raises(ValueError, match="are 1800 digits, scikit-learn ships 1797"):
        Simulate(mnist={"train": 1500, "test": 300})
