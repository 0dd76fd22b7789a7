"""x decoded with a y that was coded, and PSNR by the level of the background; with untrained codecs."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from thinwire.figures.neural_dsc import backgrounds, speech, two_streams
from thinwire.figures.neural_dsc import runs as wing
from thinwire.figures.neural_dsc.models import decode_items, load_net
from thinwire.figures.paths import Page

PAIRS = {"mel_d_8x2": "mel_s_8x2", "mel_d_8x8": "mel_s_8x8"}
MEL = [*PAIRS, *PAIRS.values()]


@pytest.fixture
def page(root: Path, workspace: Path, open_ndsc) -> Page:
    """A page of a workspace with models and items."""
    if not (workspace / "models" / "mel_s_8x2" / "model.safetensors").exists():
        fake = runpy.run_path(str(root / "tests" / "notebooks" / "fake_neural_dsc_prior.py"))
        fake["write_models"](workspace)
    return open_ndsc("speech")


def test_y_is_what_came_out_of_its_codec(page: Page) -> None:
    found, alone = decode_items(page, "mel_d_8x8"), load_net(page, "mel_s_8x8")
    both = two_streams.decode_both(page, found, "mel_s_8x8")
    with torch.inference_mode():
        y = alone.decode(alone.encode(found.items.y, None, None), None, None)
        wanted = found.net.decode(found.indices, y, None)
    assert torch.equal(both, wanted) and not torch.equal(both, found.outputs["correct"])
    x, x_hat = (found.net.standardise(maps) for maps in (found.items.x, wanted))
    mse = (x - x_hat).square().mean((1, 2, 3)).numpy()
    assert found.psnr_of(both) == pytest.approx(-10.0 * np.log10(mse), abs=1e-3)


def test_the_total_counts_both_streams(page: Page) -> None:
    items = wing.load(page, MEL)
    quality = speech.table(page, items)
    table = two_streams.table(page, items, quality, PAIRS).set_index("run")
    rates = quality.set_index("run")["kbps"]
    for run, y_run in PAIRS.items():
        assert table.loc[run, "total_kbps"] == pytest.approx(rates[run] + rates[y_run])
    assert table["alone_kbps"].notna().all() and table["items"].gt(0).all()


def test_thirds_by_the_median_leave_padded_items_out(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    maps = decode_items(page, "mel_d_8x8").items
    x = torch.zeros_like(maps.x) + torch.arange(len(maps.x))[:, None, None, None]
    x[0, :, :10] = -16.0
    monkeypatch.setattr(backgrounds, "items_of", lambda page, run: type(maps)(maps.table, x, maps.y))
    order = np.arange(float(len(x)))
    told = {"run": "mel_d_8x8", "si": "correct", "segment_id": maps.table["segment_id"], "psnr": 2.0 * order}
    items = pd.DataFrame(told)
    row = backgrounds.table(page, items, ["mel_d_8x8"]).iloc[0]
    assert row["padded"] == 0.0 and row["correlation"] == pytest.approx(1.0)
    assert row["quiet"] < row["middle"] < row["loud"] and row["items"] == len(order)
