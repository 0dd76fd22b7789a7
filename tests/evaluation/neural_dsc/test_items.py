"""Kinds of side information: another group's, noise like training's, none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from thinwire.evaluation.neural_dsc.items import Items, others, spread, with_side
from thinwire.params.neural_dsc import NdscRow, Settings
from thinwire.systems.neural_dsc.model import NeuralDsc


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=20))
def test_wrong_side_information_is_another_groups_wherever_there_is_another(groups: list[str]) -> None:
    names = np.array(groups)
    found = others(names)
    assert found.shape == names.shape
    if len(set(groups)) > 1:
        assert (names[found] != names).all()
    elif len(groups) > 1:
        assert (found != np.arange(len(groups))).all()


@given(st.integers(1, 50), st.integers(1, 50))
def test_spread_takes_as_many_as_there_are_at_most(count: int, most: int) -> None:
    chosen = spread(count, most)
    assert len(chosen) == min(count, most) == len(set(chosen)) and chosen.min() == 0 and chosen.max() < count


@pytest.mark.parametrize("domain, shape", [("halves", (3, 8, 8)), ("mel", (1, 8, 8)), ("bits", (27,))])
def test_random_side_information_looks_like_training_side_information(domain: str, shape: tuple[int, ...]) -> None:
    row = NdscRow(system="neural_dsc", data="x", after="data", steps=1, domain=domain, bits=1)  # type: ignore[arg-type]
    model = NeuralDsc(Settings(), row, shape)
    y = 5.0 + 2.0 * torch.randn(400, *shape, generator=torch.Generator().manual_seed(0))
    model.fit_statistics(y, y)
    items = Items(pd.DataFrame({"segment_id": range(400), "group": "a"}), y, y)
    noise = with_side(items, "random", model, 1)
    assert noise is not None and noise.shape == y.shape and torch.equal(noise, with_side(items, "random", model, 1))
    if domain == "halves":
        assert float(noise.abs().max()) <= 0.5
    elif domain == "bits":
        assert set(noise.unique().tolist()) == {0.0, 1.0}
    else:
        assert abs(float(noise.mean()) - 5.0) < 0.1 and abs(float(noise.std()) - 2.0) < 0.1
    assert with_side(items, "absent", model, 1) is None and with_side(items, "correct", model, 1) is y
