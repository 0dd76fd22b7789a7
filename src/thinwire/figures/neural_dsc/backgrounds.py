"""How mel codecs do on quiet and on loud backgrounds: a segment's level is divided out, so the quieter its noise, the
lower its log-mel values."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from thinwire.figures.neural_dsc.models import items_of
from thinwire.figures.neural_dsc.runs import item_values, own
from thinwire.figures.paths import Page
from thinwire.kaldi import LOG_FLOOR

SILENT = math.log(LOG_FLOOR) + 0.1
"""Log-mel values (natural logarithm of energy) below this are digital silence."""
PADDED = 0.02
"""Share of silent values from which an item counts as padded."""
THIRDS = ("quiet", "middle", "loud")


def table(page: Page, items: pd.DataFrame, runs: Sequence[str]) -> pd.DataFrame:
    """A row a run of domain `mel` and pair `mic2`: mean PSNR (dB) of the thirds of test items with the lowest, middle
    and highest median log-mel value, of padded items, which are in no third (NaN without any), `correlation` of PSNR
    and median over the others; `quiet_below`, `loud_above` bound the thirds; items.
    """
    maps = items_of(page, runs[0])
    x = maps.x.numpy()
    known = pd.DataFrame(
        {"median": np.median(x, axis=(1, 2, 3)), "padded": (x < SILENT).mean((1, 2, 3)) > PADDED},
        index=pd.Index(maps.table["segment_id"]),
    )
    clear = known.loc[~known["padded"], "median"]
    edges = np.quantile(clear, [1 / 3, 2 / 3]) if len(clear) else np.full(2, np.nan)
    rows = []
    for run in runs:
        psnr = item_values(own(items[items["run"] == run]), "psnr")
        here = known.join(psnr.rename("psnr"), how="inner")
        heard = here[~here["padded"]]
        third = np.digitize(heard["median"], edges)
        means = {name: heard["psnr"][third == number].mean() for number, name in enumerate(THIRDS)}
        rows.append(
            {"run": run, **means, "padded": here.loc[here["padded"], "psnr"].mean(),
             "correlation": heard["psnr"].corr(heard["median"]), "quiet_below": edges[0],
             "loud_above": edges[1], "items": len(here)}
        )  # fmt: skip
    return pd.DataFrame(rows)
