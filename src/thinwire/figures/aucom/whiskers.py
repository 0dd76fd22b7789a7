"""Lengths of error bars."""

from __future__ import annotations

import numpy as np
import pandas as pd


def whiskers(rows: pd.DataFrame, value: str, low: str = "low", high: str = "high") -> np.ndarray:
    """Distances (2, n) from a column of values to the ends of their intervals, as `Axes.errorbar` takes them; never
    below 0, as an interval of one item may end a rounding error inside its value.
    """
    middle, bottom, top = (rows[column].to_numpy(float) for column in (value, low, high))
    return np.clip([middle - bottom, top - middle], 0.0, None)
