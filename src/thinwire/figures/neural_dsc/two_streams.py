"""Both microphones paid for: y is sent as well, by a separate codec, and x is decoded with the y that came out."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import torch
from torch import Tensor

from thinwire.figures.neural_dsc.models import Decoded, decode_items, load_net
from thinwire.figures.neural_dsc.runs import item_values, kind_of, mean_of, own, row_of
from thinwire.figures.neural_dsc.speech import separate_rate
from thinwire.figures.paths import Page


@torch.inference_mode()
def decode_both(page: Page, found: Decoded, y_run: str) -> Tensor:
    """x_hat (n, *shape) of a codec's test items, with their own y after it went through the codec `y_run`, which knows
    nothing of x.
    """
    alone, y, step = load_net(page, y_run), found.items.y, found.items.step
    return found.given(alone.decode(alone.encode(y, y, step), y, step))


def table(page: Page, items: pd.DataFrame, quality: pd.DataFrame, pairs: Mapping[str, str]) -> pd.DataFrame:
    """A row a pair of a distributed run and the separate one that codes its y: run, y_run, kind, kbps and y_kbps
    (payloads), total_kbps, psnr with its 95 % interval, what the coding of y cost (`lost_db`, `lost_low`, `lost_high`),
    `alone_kbps` as `separate_rate` has it, items. Two streams pay where x alone would need more than their total.
    """
    rates = own(items).groupby("run")["kbps"].mean()
    rows = []
    for run, y_run in pairs.items():
        found = decode_items(page, run)
        both = pd.Series(found.psnr_of(decode_both(page, found, y_run)), found.items.table["segment_id"])
        clear = item_values(own(items[items["run"] == run]), "psnr")
        level, lost = mean_of(page, both), mean_of(page, (clear - both).dropna())
        rows.append(
            {"run": run, "y_run": y_run, "kind": kind_of(row_of(page, run)), "form": "distributed", "kbps": rates[run],
             "y_kbps": rates[y_run], "total_kbps": rates[run] + rates[y_run], "psnr": level.mean, "low": level.low,
             "high": level.high, "lost_db": lost.mean, "lost_low": lost.low, "lost_high": lost.high,
             "items": level.items}
        )  # fmt: skip
    streams = pd.DataFrame(rows)
    alone = separate_rate(pd.concat([quality[quality["form"] == "separate"], streams], ignore_index=True))
    return streams.drop(columns="form").merge(alone[["run", "alone_kbps"]], on="run", how="left")
