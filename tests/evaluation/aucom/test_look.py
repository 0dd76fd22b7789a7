"""Features made audible, and which items are shown."""

from __future__ import annotations

import numpy as np
import pytest
from tiny_workspace import voice

from thinwire import kaldi
from thinwire.evaluation.aucom.common import DECIBELS, task_items
from thinwire.evaluation.aucom.look import SHOWN, sound_of, spread_over_corpora
from thinwire.params import Params


@pytest.mark.parametrize("mels", [40, 80])
def test_sound_has_the_features_that_it_was_made_of(mels: int) -> None:
    noise = 0.1 * np.random.default_rng(2).standard_normal(16_000).astype(np.float32)
    features = kaldi.fbank(noise[None], mels)[0]
    sound = sound_of(features)
    assert sound.shape == (16_000,) and np.array_equal(sound, sound_of(features))
    back = kaldi.fbank(sound[None], mels)[0]
    early, exact, late = (
        DECIBELS * np.sqrt(np.square(np.roll(back, shift, 1) - features)[:, 3:-3].mean()) for shift in (-1, 0, 1)
    )
    assert exact < 1.5 and min(early, late) > 2.0 * exact
    assert abs(DECIBELS * (back - features).mean()) < 0.3


def test_louder_features_make_louder_sound() -> None:
    features = kaldi.fbank(voice(np.random.default_rng(3), 16_000)[None], 40)[0]
    quiet, loud = sound_of(features), sound_of(features + np.log(4.0).astype(np.float32))
    # -60 dB: Griffin-Lim's iterations in single precision make rounding grow, by how much differs among processors
    assert np.abs(quiet).max() > 0.1 and np.linalg.norm(loud - 2.0 * quiet) < 1e-3 * np.linalg.norm(loud)


def test_shown_items_come_from_all_kinds_by_turns(bench_params: Params) -> None:
    items = {corpus: task_items(bench_params, corpus) for corpus in SHOWN}
    shown = spread_over_corpora(items, 6)
    assert [one.corpus for one, _ in shown] == [*SHOWN, *SHOWN[:2]]
    assert len({one.ids[place] for one, place in shown}) == 6
    assert len(spread_over_corpora(items, 3)) == 3
