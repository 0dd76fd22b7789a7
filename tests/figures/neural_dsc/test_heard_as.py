from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib import pyplot as plt

from thinwire.evaluation.neural_dsc.items import Items
from thinwire.figures.neural_dsc import heard_as
from thinwire.figures.neural_dsc.models import Decoded
from thinwire.figures.paths import Page
from thinwire.params.neural_dsc import NdscRow, Settings
from thinwire.segments import SegmentWriter
from thinwire.systems.neural_dsc.model import NeuralDsc
from thinwire.systems.neural_dsc.speech import prepare

SAMPLES = 16_000
TILTS = (1.0, -1.0, 0.3)
ROW = NdscRow(data="voices", after="", steps=1, domain="mel", form="distributed", bits=8)


def write_voices(folder: Path) -> None:
    """Talkers are noises of different tilt, rooms hums of different pitch; each says the same to all microphones."""
    rng, t = np.random.default_rng(1), np.arange(SAMPLES) / 16_000
    with SegmentWriter(folder, "voices", ["U01.CH1", "U02.CH1"]) as writer:
        for split, sessions in (("train", 6), ("eval", 3)):
            for session in range(sessions):
                hum = np.sin(2 * np.pi * (300 + 350 * session) * t)
                for talker in range(3):
                    for take in range(5):
                        noise = rng.standard_normal(SAMPLES)
                        tilt = (0.9 * TILTS[(talker + session) % 3]) ** np.arange(29)
                        voice = np.convolve(noise, tilt, "same")
                        clean = 0.05 * voice / voice.std()
                        noisy = np.stack([clean + 0.02 * hum] * 2)
                        writer.add(noisy.astype(np.float32), clean.astype(np.float32), split=split,
                                   segment_id=f"{split}-{session}-{talker}-{take}", session=f"{split}{session}",
                                   speaker=f"{split}{session}{talker}", start_s=10.0 * take + talker,
                                   end_s=10.0 * take + talker + 1.0)  # fmt: skip


@pytest.fixture
def decoded(open_ndsc, monkeypatch) -> tuple[Page, Decoded]:
    """A codec that hands on y, whatever was sent: with its own y an item is perfect, with another's it is the other."""
    page = open_ndsc("wrong_side_information")
    folder = page.root / "data" / "segments" / "voices"
    if not folder.exists():
        write_voices(folder)
    store = heard_as.SegmentStore(folder).load("eval")
    spectrum = page.params.systems.neural_dsc.spectrum
    maps = prepare(store.noisy, store.clean, "mel", "mic2", spectrum)
    table = store.table.reset_index(drop=True)
    named = table[["segment_id"]].assign(group=table["speaker"].astype(str), scene=table["session"].astype(str))
    items = Items(named, maps.x, maps.y)
    hum = store.noisy[:, 0] - store.clean
    elsewhere = (store.clean + hum[items.wrong])[:, None].repeat(2, 1)  # its own voice in the other's room
    mixed = prepare(elsewhere, store.clean, "mel", "mic2", spectrum).x
    net = NeuralDsc(Settings(), ROW, tuple(maps.x.shape[1:]))
    monkeypatch.setattr(net, "decode", lambda indices, side, step: side)
    y = {"correct": maps.y, "wrong": maps.y[torch.from_numpy(items.wrong)], "random": mixed, "absent": maps.y}
    monkeypatch.setattr(heard_as, "row_of", lambda page, run: ROW.model_dump())
    monkeypatch.setattr(heard_as, "run_name", lambda page, run: run)
    return page, Decoded(net, items, torch.zeros(len(items), 1), dict(y), y, items.wrong)


def test_what_hands_on_its_side_information_is_taken_for_the_other(decoded) -> None:
    page, found = decoded
    rows = heard_as.table(page, {"copy": found})
    shares = rows.set_index(["kind", "version"])["share"]
    for kind in heard_as.KINDS:
        assert shares[kind, "x"] > 0.9 and shares[kind, "correct"] > 0.9, kind
        assert shares[kind, "wrong"] < 0.1 and shares[kind, "y"] == shares[kind, "wrong"], kind
    assert shares["talker", "random"] > 0.8 and shares["scene", "random"] < 0.2, shares
    assert (rows["n"] == len(found.items)).all()
    plt.close(heard_as.draw(page, rows, "note"))


def test_a_neighbour_is_another_talker_of_the_same_scene_at_another_time() -> None:
    scenes, talkers = np.array(list("aaaabb")), np.array(list("xyyxzz"))
    clear = ~np.eye(6, dtype=bool)
    clear[0, 1] = clear[1, 0] = False
    found = heard_as.neighbours(scenes, talkers, clear)
    assert found.tolist() == [2, 3, 0, 2, -1, -1]


def test_segments_that_share_sound_are_not_compared_with() -> None:
    table = pd.DataFrame(
        {"session": ["a", "a", "a", "b"], "start_s": [0.0, 0.5, 1.0, 0.0], "end_s": [1.0, 1.5, 2.0, 1.0]}
    )
    clear = heard_as._clear(table)
    assert clear[0].tolist() == [False, False, True, True]
    assert clear[1].tolist() == [False, False, False, True]
    assert (clear == clear.T).all()


def test_an_item_without_another_of_its_talker_is_left_out() -> None:
    here = np.arange(6.0)[:, None]
    clear = ~np.eye(6, dtype=bool)
    assert heard_as._means(here, np.array(list("abbbcc")), clear, 0, 1) is None
    own, other = heard_as._means(here, np.array(list("abbbcc")), clear, 1, 4)
    assert own == pytest.approx(2.5) and other == pytest.approx(5.0)
