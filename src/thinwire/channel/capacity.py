"""Channel capacity over time, and the budget in floats a second that it allows (Eq. 1 to 3 of the distributed speech
coding paper).

The paper shows a measured trace (Fig. 3a) without giving it; a Rayleigh block-fading channel stands in its place.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from thinwire.errors import ParamError


@dataclass(frozen=True)
class CapacityTrace:
    """Capacity in bit/s (n,), valid from each of `seconds` (n,) to the next; `snr_db` (n,) is NaN where not known."""

    seconds: np.ndarray
    bits_per_s: np.ndarray
    snr_db: np.ndarray


def fading_trace(
    seconds: int, bandwidth_hz: float, mean_snr_db: float, correlation: float, seed: int = 0
) -> CapacityTrace:
    """Shannon capacity B log2(1 + SNR) of a Rayleigh channel that is constant within each second.

    The complex gain is a stationary AR(1) process h[t] = rho h[t-1] + sqrt(1 - rho^2) w[t] with h, w ~ CN(0, 1) and
    rho = `correlation` from second to second; SNR = mean SNR * |h|^2 is then exponentially distributed, and |h|^2 has
    the autocorrelation rho^(2 lag). Raises ParamError for values outside their range.
    """
    if seconds < 1 or not 0 <= correlation < 1 or not bandwidth_hz > 0:
        raise ParamError(
            f"channel: seconds={seconds}, correlation={correlation}, bandwidth_hz={bandwidth_hz}; "
            "expected seconds >= 1, 0 <= correlation < 1, bandwidth_hz > 0"
        )
    draws = np.random.default_rng(seed).standard_normal((seconds, 2)) @ np.array([1.0, 1.0j]) / math.sqrt(2.0)
    gain = np.empty(seconds, np.complex128)
    gain[0] = draws[0]  # begins in the stationary distribution
    fresh = math.sqrt(1.0 - correlation**2)
    for t in range(1, seconds):
        gain[t] = correlation * gain[t - 1] + fresh * draws[t]
    snr = 10.0 ** (mean_snr_db / 10.0) * np.abs(gain) ** 2
    return CapacityTrace(np.arange(seconds, dtype=np.float64), bandwidth_hz * np.log2(1.0 + snr), 10.0 * np.log10(snr))


def read_trace(path: Path | str) -> CapacityTrace:
    """A measured trace from a CSV file with the columns `t_s` (seconds, rising) and `capacity_bps` (bit/s).

    Further columns are ignored. Raises ParamError naming file and line for anything else.
    """
    path = Path(path)
    times: list[float] = []
    capacities: list[float] = []
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            rows = csv.DictReader(stream)
            missing = {"t_s", "capacity_bps"} - set(rows.fieldnames or ())
            if missing:
                raise ParamError(f"{path}, line 1: no column {', '.join(sorted(missing))}; expected 't_s,capacity_bps'")
            for row in rows:
                where = f"{path}, line {rows.line_num}"
                time, capacity = _number(row["t_s"], "t_s", where), _number(row["capacity_bps"], "capacity_bps", where)
                if times and time <= times[-1]:
                    raise ParamError(f"{where}: t_s is {time:g} after {times[-1]:g}; times must rise")
                if capacity < 0:
                    raise ParamError(f"{where}: capacity_bps is {capacity:g}; it cannot be negative")
                times.append(time)
                capacities.append(capacity)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ParamError(f"{path}: not a readable CSV file ({error}); correct `channel.trace`") from error
    if not times:
        raise ParamError(f"{path}: holds no rows after its heading; expected 't_s,capacity_bps' and numbers")
    return CapacityTrace(np.array(times), np.array(capacities), np.full(len(times), math.nan))


def _number(text: str | None, column: str, where: str) -> float:
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ParamError(f"{where}: {column} is {text!r}, expected a finite number")
    return value


def per_second(trace: CapacityTrace, seconds: int | None = None) -> CapacityTrace:
    """The trace on whole seconds from its start, each the time average of the capacity within that second.

    What the coder sends in a second must fit into what the channel carries in it. Without `seconds`, as many as the
    trace begins; its last value holds to the end.
    """
    start = trace.seconds - trace.seconds[0]
    count = int(math.floor(start[-1])) + 1 if seconds is None else seconds
    edges = np.arange(count + 1, dtype=np.float64)
    # Bits carried up to each entry; between entries they grow linearly, so second by second they are differences.
    carried = np.concatenate([[0.0], np.cumsum(np.diff(start) * trace.bits_per_s[:-1])])
    at_edges = np.interp(edges, start, carried) + np.maximum(edges - start[-1], 0.0) * trace.bits_per_s[-1]
    entry = np.searchsorted(start, edges[:-1], side="right") - 1
    return CapacityTrace(edges[:-1], np.diff(at_edges), trace.snr_db[entry])


def rate_distortion(sigma2: float, distortion: float) -> float:
    """Eq. 1: bits a symbol of a Gaussian source of variance `sigma2` at mean squared error `distortion`."""
    if not (sigma2 > 0 and distortion > 0):
        raise ParamError(f"channel: sigma2 is {sigma2} and distortion {distortion}; both must be positive")
    return max(0.0, 0.5 * math.log2(sigma2 / distortion))


def source_rate(floats: np.ndarray | int, sigma2: float, distortion: float, symbols_per_float: int = 1) -> np.ndarray:
    """Eq. 2: bit/s of a source that sends `floats` a second, each as `symbols_per_float` Gaussian symbols."""
    return np.asarray(floats) * (symbols_per_float * rate_distortion(sigma2, distortion))


def budget(capacity: np.ndarray, sigma2: float, distortion: float, symbols_per_float: int = 1) -> np.ndarray:
    """Eq. 3: the most floats a second m(t), as int64, with m(t) * symbols_per_float * R(D) <= capacity(t) in bit/s.

    The paper takes the bound with equality and rounds down. Raises ParamError when D >= sigma2: nothing need be sent
    then, and no budget follows.
    """
    bits_per_float = symbols_per_float * rate_distortion(sigma2, distortion)
    if bits_per_float <= 0:
        raise ParamError(f"channel: distortion {distortion} is not below the variance {sigma2}, R(D) is zero")
    capacity = np.asarray(capacity, np.float64)
    floats = np.floor(capacity / bits_per_float)
    # The division rounds; the bound itself decides.
    floats -= floats * bits_per_float > capacity
    floats += (floats + 1) * bits_per_float <= capacity
    return floats.astype(np.int64)
