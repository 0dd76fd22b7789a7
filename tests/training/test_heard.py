"""Cards of codecs say what dev clips sound like from their codes."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch

from thinwire.metrics.perceptual import pesq_wb, stoi
from thinwire.params import Params
from thinwire.params.tfcodec import Settings, TfRow, TfShape
from thinwire.systems.tfcodec.system import TfCodecSystem
from thinwire.training import long
from thinwire.training.adapters.tfcodec import HEARD, heard
from thinwire.training.build import Splits
from thinwire.training.loop import TensorData

SAMPLES = 32_000
SHAPE = TfShape(channels=(2, 3, 3, 4, 4), tcm_hidden=6, tcm_dilations=[1], latent=12)


def spoken(count: int) -> torch.Tensor:
    """(count, SAMPLES): pulses at the rate of a voice, swelling as syllables do; PESQ and STOI take them for speech."""
    time = np.arange(SAMPLES) / 16_000
    swell = [0.02 * (1.1 + np.sin(2 * np.pi * (3 + 0.1 * i) * time)) for i in range(count)]
    clips = [swell[i] * sum(np.sin(2 * np.pi * h * (110 + 3 * i) * time) for h in range(1, 20)) for i in range(count)]
    return torch.from_numpy(np.stack(clips).astype(np.float32))


@pytest.fixture
def system() -> TfCodecSystem:
    torch.manual_seed(0)
    system = TfCodecSystem(Settings(shape=SHAPE), TfRow(after="-", steps=1, kbps=1.0, groups=3, codewords=16))
    with torch.no_grad():
        for name, value in system.model.named_parameters():
            if name != "power":
                value.add_(0.2 * torch.randn_like(value))  # as it begins, nothing is to be heard
    return system


@pytest.fixture
def splits() -> Splits:
    # training clips are silent: were one of them judged, its score would be NaN and the mean another
    train = TensorData({"clean": torch.zeros(4, SAMPLES)})
    return Splits(train, TensorData({"clean": spoken(40)}), {"samples": SAMPLES}, {}, 2.0)


def test_means_over_evenly_spread_dev_clips(system: TfCodecSystem, splits: Splits) -> None:
    found = heard(system, splits)
    assert system.training and found["items"] == HEARD
    clips = spoken(40)[torch.linspace(0, 39, HEARD).round().long()]
    system.eval()
    decoded = torch.cat([system.model.decode(system.model.encode(clip[None]), SAMPLES) for clip in clips])
    pairs = [(x.numpy(), y.numpy()) for x, y in zip(clips, decoded, strict=True)]
    assert found["stoi"] == pytest.approx(np.mean([stoi(*pair) for pair in pairs]), abs=1e-3)
    assert found["pesq"] == pytest.approx(np.mean([pesq_wb(*pair) for pair in pairs]), abs=1e-2)
    error = (clips - decoded).square().sum(1)
    assert found["snr_db"] == pytest.approx(float((10 * (clips.square().sum(1) / error).log10()).mean()), abs=1e-2)


def test_a_machine_without_the_measures_writes_no_scores(
    system: TfCodecSystem, splits: Splits, smoke_params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert set(long.heard(smoke_params, "tf_3k", system, splits)["heard"]) == {"items", "stoi", "pesq", "snr_db"}
    monkeypatch.setitem(sys.modules, "pesq", None)
    assert long.heard(smoke_params, "tf_3k", system, splits) == {}


def test_a_system_that_makes_no_waveforms(smoke_params: Params, system: TfCodecSystem, splits: Splits) -> None:
    assert long.heard(smoke_params, "e1_agnostic", system, splits) == {}
