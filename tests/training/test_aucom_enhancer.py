"""The enhancer's adapter: pairs from segment folders, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from thinwire.errors import ParamError
from thinwire.params.aucom_enhancer import Settings
from thinwire.segments import SegmentWriter
from thinwire.systems.aucom_enhancer.system import EnhancerSystem
from thinwire.training.adapters import aucom_enhancer
from thinwire.training.adapters.segments import SPLITS

PARAMS: Any = SimpleNamespace(systems=SimpleNamespace(aucom_enhancer=Settings(crop_s=0.5)))


def write(folder: Path, microphones: int = 1, samples: int = 12_000) -> Path:
    """Three items a split, clean at level 0.1 (i + 1) and noisy twice that."""
    sources = [f"m{i}" for i in range(microphones)]
    with SegmentWriter(folder, "test", sources) as writer:
        for split in SPLITS:
            for item in range(3):
                clean = np.full(samples, 0.1 * (item + 1), np.float32)
                row = {
                    "segment_id": f"{split}{item}", "split": split, "session": "-", "speaker": f"p{item}",
                    "noise": "cafe", "start_s": 0.0, "end_s": samples / 16_000,
                }  # fmt: skip
                writer.add(np.tile(2.0 * clean, (microphones, 1)), clean, **row)
    return folder


def test_pairs_stay_pairs_over_several_folders(tmp_path: Path) -> None:
    splits = aucom_enhancer.load(PARAMS, "enhancer", [write(tmp_path / "a"), write(tmp_path / "b")])
    for part in (splits.train, splits.dev):
        assert len(part) == 6
        clean, noisy = part.tensors["clean"], part.tensors["noisy"]
        assert clean.shape == noisy.shape == (6, 12_000)
        assert np.allclose(noisy, 2.0 * clean, atol=1e-3) and float(clean[2, 0]) == pytest.approx(0.3, abs=1e-3)
    assert splits.item_s == 0.5 and splits.facts == {"samples": 12_000}
    assert splits.seen["noise"] == ["cafe"] and splits.seen["speaker"] == ["p0", "p1", "p2"]
    short = aucom_enhancer.load(PARAMS, "enhancer", [write(tmp_path / "c", samples=4_000)])
    assert short.item_s == 0.25


def test_arrays_of_microphones_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ParamError, match="2 microphones"):
        aucom_enhancer.load(PARAMS, "enhancer", [write(tmp_path / "a", microphones=2)])


def test_it_builds_the_system_of_the_settings() -> None:
    made = aucom_enhancer.build(PARAMS, "enhancer", {"samples": 12_000}, to_train=True)
    assert isinstance(made, EnhancerSystem) and made.samples == 8_000
