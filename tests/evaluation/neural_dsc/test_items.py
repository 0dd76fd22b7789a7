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


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")), min_size=1, max_size=24))
def test_wrong_side_information_is_of_another_group_and_scene_where_there_is_one(given: list[tuple[str, str]]) -> None:
    """Talkers may come in several scenes, a scene holds several talkers."""
    groups, scenes = (np.array(names) for names in zip(*given, strict=True))
    found = others(groups, scenes)
    assert np.array_equal(found, others(groups, scenes))
    for place, chosen in enumerate(found):
        other = groups != groups[place]
        apart = other & (scenes != scenes[place])
        assert (apart if apart.any() else other)[chosen] or not other.any()
        assert chosen != place or len(given) == 1


@given(st.lists(st.sampled_from("abcd"), min_size=2, max_size=40), st.booleans())
def test_wrong_side_information_is_as_diverse_as_there_are_items(names: list[str], one_scene: bool) -> None:
    groups = np.array(names)
    found = others(groups, np.full(len(groups), "s") if one_scene else groups)
    for name in set(names):
        members, elsewhere = groups == name, int((groups != name).sum())
        if elsewhere:
            assert len(set(found[members])) == min(int(members.sum()), elsewhere)


@pytest.mark.parametrize("talkers", [1, 3])
def test_every_item_of_equal_scenes_is_one_others_wrong_side_information(talkers: int) -> None:
    scenes = np.repeat(["a", "b", "c", "d"], 12)
    groups = np.array([f"{scene}{k % talkers}" for k, scene in enumerate(scenes)])
    assert len(set(others(groups, scenes))) == 48


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
    items = Items(pd.DataFrame({"segment_id": range(400), "group": "a", "scene": "a"}), y, y)
    noise = with_side(items, "random", model, 1)
    assert noise is not None and noise.shape == y.shape and torch.equal(noise, with_side(items, "random", model, 1))
    if domain == "halves":
        assert float(noise.abs().max()) <= 0.5
    elif domain == "bits":
        assert set(noise.unique().tolist()) == {0.0, 1.0}
    else:
        assert abs(float(noise.mean()) - 5.0) < 0.1 and abs(float(noise.std()) - 2.0) < 0.1
    assert with_side(items, "absent", model, 1) is None and with_side(items, "correct", model, 1) is y
