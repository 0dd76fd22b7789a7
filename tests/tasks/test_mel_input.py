"""Features at a network's door: units, and variation that follows its generator."""

from __future__ import annotations

import math

import pytest
import torch

from thinwire.params.aucom_tasks import Variation
from thinwire.tasks.mel_input import MelInput

FEATURES = 3.0 + 5.0 * torch.randn(6, 20, 100, generator=torch.Generator().manual_seed(0))
STILL = Variation(masks=0, gain_db=0.0)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def fitted() -> MelInput:
    made = MelInput(20)
    made.fit(FEATURES)
    return made


def test_fitted_features_have_mean_zero_and_deviation_one(fitted: MelInput) -> None:
    x = fitted(FEATURES)
    assert torch.allclose(x.mean((0, 2)), torch.zeros(20), atol=1e-5)
    assert torch.allclose(x.std((0, 2)), torch.ones(20), atol=1e-5)


def test_a_mel_that_never_changes_stays_finite() -> None:
    made = MelInput(2)
    f = torch.full((3, 2, 10), -15.9)
    made.fit(f)
    assert torch.isfinite(made(f + 1.0)).all()


def test_without_masks_and_gain_nothing_changes(fitted: MelInput) -> None:
    assert torch.equal(fitted.varied(FEATURES, STILL, generator()), FEATURES)


def test_variation_follows_its_generator(fitted: MelInput) -> None:
    one, same, other = (fitted.varied(FEATURES, Variation(), generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(one, same) and not torch.equal(one, other)


def test_level_changes_by_at_most_the_gain_and_by_item(fitted: MelInput) -> None:
    settings = Variation(masks=0, gain_db=6.0)
    change = fitted.varied(FEATURES, settings, generator()) - FEATURES
    of_item = change.mean((1, 2))
    assert torch.allclose(change, of_item[:, None, None].expand_as(change), atol=1e-4)
    assert of_item.abs().max() <= 0.6 * math.log(10.0) and of_item.std() > 0.1


def test_masks_hide_whole_stretches_no_wider_than_allowed(fitted: MelInput) -> None:
    settings = Variation(masks=1, mels=4, time_s=0.1, gain_db=0.0)
    hidden = torch.stack([fitted(fitted.varied(FEATURES, settings, generator(seed))) == 0.0 for seed in range(20)])
    mels, times = hidden.all(3).sum(2), hidden.all(2).sum(2)
    assert mels.max() == 4 and times.max() == 10 and mels.min() == 0 == times.min()
    assert torch.equal(hidden, hidden.all(3, keepdim=True) | hidden.all(2, keepdim=True))
