"""Images and bits as the conditional VQ-VAE's training data: ranges, splits, folders that do not fit."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from thinwire.corpora.pairs import PairWriter
from thinwire.errors import ParamError, PipelineError
from thinwire.params.neural_dsc import NdscRow
from thinwire.training.adapters import ndsc_bits, ndsc_images, neural_dsc

PARAMS: Any = SimpleNamespace()


def row(domain: str) -> NdscRow:
    return NdscRow.model_validate(
        {"data": domain, "after": f"data/segments/{domain}", "steps": 1, "domain": domain, "bits": 1}
    )


def folder(path: Path, shape: tuple[int, ...], high: int, counts: dict[str, int] | None = None) -> Path:
    """Pairs of random arrays below `high`, each item its own session."""
    rng = np.random.default_rng(len(path.name))
    with PairWriter(path, path.name, ["x", "y"]) as writer:
        for split, count in (counts or {"train": 5, "dev": 2, "eval": 3}).items():
            for number in range(count):
                x, y = rng.integers(0, high, (2, *shape), dtype=np.uint8)
                writer.put(x, y, segment_id=f"{split}{number}", split=split, session=f"{path.name}_{split}{number}")
    return path


def test_images_lie_in_a_span_of_one_around_zero(tmp_path: Path) -> None:
    splits = ndsc_images.load(PARAMS, row("stereo"), [folder(tmp_path / "a", (3, 8, 16), 256)])
    x, y = splits.train.tensors["x"], splits.train.tensors["y"]
    assert x.shape == y.shape == (5, 3, 8, 16) and x.dtype == torch.float32
    assert -0.5 <= float(x.min()) < -0.49 and 0.49 < float(x.max()) <= 0.5
    assert len(splits.dev) == 2
    pixels = np.array([0, 51, 255], np.uint8)
    assert torch.allclose(ndsc_images.image_tensor(pixels), torch.tensor([-0.5, -0.3, 0.5]))


def test_folders_are_joined_and_no_test_item_is_seen(tmp_path: Path) -> None:
    folders = [folder(tmp_path / name, (3, 8, 16), 256) for name in ("a", "bb")]
    splits = ndsc_images.load(PARAMS, row("halves"), folders)
    assert len(splits.train) == 10 and len(splits.dev) == 4
    assert len(splits.seen["session"]) == 14 and not any("eval" in one for one in splits.seen["session"])


def test_bits_stay_bits(tmp_path: Path) -> None:
    splits = ndsc_bits.load(PARAMS, row("bits"), [folder(tmp_path / "bits", (648,), 2)])
    x = splits.train.tensors["x"]
    assert x.shape == (5, 648) and x.dtype == torch.float32 and set(x.unique().tolist()) == {0.0, 1.0}


def test_the_codec_finds_its_data_by_the_domain(tmp_path: Path) -> None:
    for domain, shape, high in (("stereo", (3, 8, 16), 256), ("bits", (648,), 2)):
        params: Any = SimpleNamespace(run=lambda name: row(name))
        splits = neural_dsc.load(params, domain, [folder(tmp_path / domain, shape, high)])
        assert tuple(splits.facts.values()) == shape


def test_folders_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    small, large = folder(tmp_path / "a", (3, 8, 16), 256), folder(tmp_path / "bb", (3, 16, 16), 256)
    with pytest.raises(ParamError, match="8 x 16 and 16 x 16"):
        ndsc_images.load(PARAMS, row("stereo"), [small, large])
    with pytest.raises(ParamError, match="no blocks of bits"):
        ndsc_bits.load(PARAMS, row("bits"), [small])
    with pytest.raises(ParamError, match="no blocks of bits"):
        ndsc_bits.load(PARAMS, row("bits"), [folder(tmp_path / "ccc", (648,), 256)])
    with pytest.raises(PipelineError, match="no pairs of colour images"):
        ndsc_images.load(PARAMS, row("stereo"), [folder(tmp_path / "dddd", (648,), 2)])
    with pytest.raises(PipelineError, match="dev split is empty"):
        ndsc_images.load(PARAMS, row("stereo"), [folder(tmp_path / "eeeee", (3, 8, 8), 256, {"train": 2})])
