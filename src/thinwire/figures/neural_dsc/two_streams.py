"""Both microphones paid for: y is sent as well, by a separate codec, and x is decoded with the y that came out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from thinwire.figures.neural_dsc.models import decode_items, load_net
from thinwire.figures.neural_dsc.runs import item_values, kind_of, mean_of, own, row_of
from thinwire.figures.neural_dsc.speech import separate_rate
from thinwire.figures.paths import Page


@dataclass(frozen=True)
class Both:
    """x of all test items, decoded with a y that was coded: x_hat (n, *shape), `psnr` in dB by segment_id."""

    outputs: Tensor
    psnr: pd.Series


@torch.inference_mode()
def decode_both(page: Page, run: str, y_run: str) -> Both:
    """Decode a run's test items with their own y after it went through the codec `y_run`, which knows nothing of x."""
    found, alone = decode_items(page, run), load_net(page, y_run)
    sent = found.items.y
    y = alone.decode(alone.encode(sent, sent, found.items.step), sent, found.items.step)
    outputs = found.net.decode(found.indices, y, found.items.step)
    x, x_hat = (found.net.standardise(maps).double() for maps in (found.items.x, outputs))
    errors = (x - x_hat).square().flatten(1).mean(1).clamp_min(1e-12).numpy()
    return Both(outputs, pd.Series(-10.0 * np.log10(errors), found.items.table["segment_id"]))


def table(page: Page, items: pd.DataFrame, quality: pd.DataFrame, pairs: Mapping[str, str]) -> pd.DataFrame:
    """A row a pair of a distributed run and the separate one that codes its y: run, y_run, kind, kbps and y_kbps
    (payloads), total_kbps, psnr with its 95 % interval, what the coding of y cost (`lost_db`, `lost_low`, `lost_high`),
    `alone_kbps` as `separate_rate` has it, items. Two streams pay where x alone would need more than their total.
    """
    rates = own(items).groupby("run")["kbps"].mean()
    rows = []
    for run, y_run in pairs.items():
        both = decode_both(page, run, y_run)
        clear = item_values(own(items[items["run"] == run]), "psnr")
        level, lost = mean_of(page, both.psnr), mean_of(page, (clear - both.psnr).dropna())
        rows.append(
            {"run": run, "y_run": y_run, "kind": kind_of(row_of(page, run)), "form": "distributed", "kbps": rates[run],
             "y_kbps": rates[y_run], "total_kbps": rates[run] + rates[y_run], "psnr": level.mean, "low": level.low,
             "high": level.high, "lost_db": lost.mean, "lost_low": lost.low, "lost_high": lost.high,
             "items": level.items}
        )  # fmt: skip
    found = pd.DataFrame(rows)
    alone = separate_rate(pd.concat([quality[quality["form"] == "separate"], found], ignore_index=True))
    return found.drop(columns="form").merge(alone[["run", "alone_kbps"]], on="run", how="left")
