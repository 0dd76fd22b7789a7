import numpy as np
import pytest

from thinwire.metrics.discriminant import fit


def nested(seed: int, scenes: int = 12, talkers: int = 4, items: int = 20, offset: int = 0):
    """Features (n, 10): dimension 0 is the scene's, 1 the talker's within it, 2 is loud noise, the others quiet."""
    rng = np.random.default_rng(seed)
    scene = np.repeat(np.arange(scenes), talkers * items)
    talker = np.repeat(np.arange(scenes * talkers), items)
    x = 0.2 * rng.standard_normal((len(scene), 10))
    x[:, 0] += rng.standard_normal(scenes)[scene]
    x[:, 1] += rng.standard_normal(scenes * talkers)[talker]
    x[:, 2] += 5.0 * rng.standard_normal(len(scene))
    return x, talker + offset, scene + offset


def test_each_kind_is_found_where_the_other_is_not() -> None:
    found = fit(*nested(1))
    for kind, dimension in (("talker", 1), ("scene", 0)):
        first = np.abs(getattr(found, kind)[:, 0] / found.spread)
        assert first.argmax() == dimension
        assert first[1 - dimension] < 0.15 * first[dimension], kind
        assert first[2] < 0.05 * first[dimension], kind


def test_unseen_talkers_are_told_apart() -> None:
    found = fit(*nested(1))
    x, talker, _ = nested(2)
    along = found.project(x, "talker")[:, 0]
    means = np.array([along[talker == t].mean() for t in np.unique(talker)])
    assert np.std(means) > 3.0 * np.mean([along[talker == t].std() for t in np.unique(talker)])


def test_scale_and_offset_of_features_are_nothing() -> None:
    x, talker, scene = nested(3)
    one, other = fit(x, talker, scene), fit(100.0 * x + 7.0, talker, scene)
    for kind in ("talker", "scene"):
        np.testing.assert_allclose(
            np.abs(one.project(x, kind)), np.abs(other.project(100.0 * x + 7.0, kind)), atol=1e-6
        )


@pytest.mark.parametrize("items", [1, 3])
def test_one_scene_of_few_items_stays_finite(items: int) -> None:
    x, talker, scene = nested(4, scenes=1, talkers=1, items=items)
    found = fit(x, talker, scene)
    assert np.isfinite(found.project(x, "talker")).all() and np.isfinite(found.project(x, "scene")).all()
