"""Composite measures of enhanced speech: CSIG, CBAK, COVL (Hu and Loizou 2008), and the three distances they weigh.

No kept library has them (`pysepm-evo` had one release, in 2022), so they are written here, after the script by which
the enhancers of AUCOM's Table 1 were measured (that of CMGAN and MP-SENet, itself after Loizou's MATLAB code), with
wide-band PESQ. Other implementations give other values for the same audio: pysepm says 4.65 / 3.86 / 4.14 where this
kind of script says 4.73 / 3.95 / 4.23 (facts 3.2). LLR and segmental SNR here equal pysepm's, and so does WSS with
`divisor=1`: 14 more for real noisy speech, which lowers CSIG by 0.13, CBAK and COVL by 0.10.

Frames of 30 ms, a quarter of that apart, Hann window; the last whole frame does not count. In one point this differs
from the script: frames in which the clean speech is digital silence are left out of LLR and segmental SNR, where the
script gives NaN or the least SNR to perfect copies.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.linalg import toeplitz

from thinwire.audio import SAMPLE_RATE, resample
from thinwire.metrics.perceptual import SILENCE, pesq_wb

WINDOW = 480
HOP_LENGTH = 120
KEPT = 0.95
"""Share of frames, the least distorted ones, of which LLR and WSS are the mean."""
LPC_ORDER = 16
SNR_RANGE_DB = (-10.0, 35.0)
WSS_DIVISOR = 32_768.0
"""Samples are divided by this before WSS, although they lie in [-1, 1] already: so do Loizou's code and the script, and
quiet bands fall below WSS's floor."""

_N_FFT = 1024
_FLOOR = 1e-10
_WHITE = 1e-9  # white noise, as a share of power, that keeps the normal equations of pure tones solvable
_KLATT_MAX, _KLATT_LOCAL = 20.0, 1.0
_CENTRES_HZ = np.array([
    50.0, 120.0, 190.0, 260.0, 330.0, 400.0, 470.0, 540.0, 617.372, 703.378, 798.717, 904.128, 1020.38, 1148.30,
    1288.72, 1442.54, 1610.70, 1794.16, 1993.93, 2211.08, 2446.71, 2701.97, 2978.04, 3276.17, 3597.63,
])  # fmt: skip
_WIDTHS_HZ = np.array([
    70.0, 70.0, 70.0, 70.0, 70.0, 70.0, 70.0, 77.3724, 86.0056, 95.3398, 105.411, 116.256, 127.914, 140.423, 153.823,
    168.154, 183.457, 199.776, 217.153, 235.631, 255.255, 276.072, 298.126, 321.465, 346.136,
])  # fmt: skip


@dataclass(frozen=True)
class Composite:
    """Predicted ratings of signal distortion, background and overall quality, 1 to 5, with what they were made of:
    wide-band PESQ, segmental SNR in dB, LLR, WSS. All NaN, with a reason, where PESQ says nothing.
    """

    csig: float
    cbak: float
    covl: float
    pesq: float
    ssnr: float
    llr: float
    wss: float
    reason: str = ""


def composite(clean: np.ndarray, test: np.ndarray, sample_rate: int = SAMPLE_RATE) -> Composite:
    """CSIG, CBAK, COVL of `test` against `clean`, mono waveforms (samples,) of one length; raises ValueError as
    `pesq_wb` does for others.
    """
    x, y = (resample(np.asarray(w, np.float32), sample_rate) for w in (clean, test))
    pesq = pesq_wb(x, y)
    if math.isnan(pesq):
        nan = math.nan
        return Composite(nan, nan, nan, nan, nan, nan, nan, pesq.reason)
    ssnr, llr, wss = segmental_snr(x, y), log_likelihood_ratio(x, y), weighted_spectral_slope(x, y)
    csig = 3.093 - 1.029 * llr + 0.603 * pesq - 0.009 * wss
    cbak = 1.634 + 0.478 * pesq - 0.007 * wss + 0.063 * ssnr
    covl = 1.594 + 0.805 * pesq - 0.512 * llr - 0.007 * wss
    return Composite(_rating(csig), _rating(cbak), _rating(covl), float(pesq), ssnr, llr, wss)


def _rating(value: float) -> float:
    return min(max(value, 1.0), 5.0)


def segmental_snr(clean: np.ndarray, test: np.ndarray) -> float:
    """Mean over frames of the SNR in dB of test (N,) against clean (N,) at 16 kHz, each between SNR_RANGE_DB; NaN
    where clean is silent.
    """
    x, y = _spoken(*_frames(clean, test))
    if len(x) == 0:
        return math.nan
    error = np.square(x - y).sum(-1)
    ratio = np.square(x).sum(-1) / (error + np.finfo(np.float64).eps)
    return float((10.0 * np.log10(ratio)).clip(*SNR_RANGE_DB).mean())


def log_likelihood_ratio(clean: np.ndarray, test: np.ndarray) -> float:
    """LLR of test (N,) against clean (N,) at 16 kHz: log(a_t R_c a_t / a_c R_c a_c) of linear predictors of order
    LPC_ORDER; 0 for equal spectral envelopes whatever their levels, NaN where clean is silent.
    """
    x, y = _spoken(*_frames(clean, test))
    if len(x) == 0:
        return math.nan
    R, of_test = _autocorrelation(x), _autocorrelation(y)
    errors = [np.einsum("fi,fij,fj->f", a, _toeplitz(R), a) for a in (_predictor(of_test), _predictor(R))]
    return _mean_of_kept(np.log(errors[0] / errors[1]))


def weighted_spectral_slope(clean: np.ndarray, test: np.ndarray, divisor: float = WSS_DIVISOR) -> float:
    """WSS of test (N,) against clean (N,) at 16 kHz: squared differences in dB of the slopes between 25 critical bands,
    weighed by nearness to spectral peaks (Klatt 1982).
    """
    filters = _critical_bands()
    energies = []
    for frames in _frames(clean, test):
        power = np.square(np.abs(np.fft.rfft(frames / divisor, _N_FFT)))[:, : _N_FFT // 2]
        energies.append(10.0 * np.log10(np.maximum(power @ filters.T, _FLOOR)))
    slopes = [np.diff(energy, axis=1) for energy in energies]
    weight = sum(_klatt_weights(energy, slope) for energy, slope in zip(energies, slopes, strict=True))
    distance = (weight * np.square(slopes[0] - slopes[1])).sum(1) / np.sum(weight, 1)
    return _mean_of_kept(distance)


def _frames(clean: np.ndarray, test: np.ndarray) -> list[np.ndarray]:
    """Windowed frames (frames, WINDOW) of both; ValueError for other shapes, or none that fits."""
    x, y = (np.asarray(w, np.float64) for w in (clean, test))
    count = (x.size - WINDOW) // HOP_LENGTH
    if x.ndim != 1 or x.shape != y.shape or count < 1:
        raise ValueError(
            f"expected mono waveforms of one length, at least {WINDOW + HOP_LENGTH} samples, "
            f"got {x.shape} and {y.shape}"
        )
    window = np.hanning(WINDOW + 2)[1:-1]
    starts = np.arange(count)[:, None] * HOP_LENGTH + np.arange(WINDOW)
    return [w[starts] * window for w in (x, y)]


def _spoken(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The frames in which x is not digital silence."""
    heard = np.abs(x).max(1) >= SILENCE
    return x[heard], y[heard]


def _mean_of_kept(distances: np.ndarray) -> float:
    return float(np.sort(distances)[: max(1, round(KEPT * len(distances)))].mean())


def _autocorrelation(frames: np.ndarray) -> np.ndarray:
    """Lags 0 to LPC_ORDER, (frames, LPC_ORDER + 1)."""
    lags = [(frames[:, : WINDOW - k] * frames[:, k:]).sum(1) for k in range(LPC_ORDER + 1)]
    R = np.stack(lags, 1)
    R[:, 0] *= 1.0 + _WHITE
    return R


def _toeplitz(R: np.ndarray) -> np.ndarray:
    return R[:, toeplitz(np.arange(R.shape[1])).astype(int)]


def _predictor(R: np.ndarray) -> np.ndarray:
    """Coefficients (frames, LPC_ORDER + 1) of the prediction error filter, the first 1; of silence a flat one."""
    silent = R[:, 0] == 0.0
    matrices = _toeplitz(R[:, :-1])
    matrices[silent] = np.eye(LPC_ORDER)
    return np.hstack([np.ones((len(R), 1)), -np.linalg.solve(matrices, R[:, 1:, None])[..., 0]])


def _critical_bands() -> np.ndarray:
    """Gaussian filters (25, n_fft / 2) of equal area, cut off at -30 dB."""
    scale = _N_FFT / SAMPLE_RATE
    distance = np.arange(_N_FFT // 2) - np.floor(_CENTRES_HZ * scale)[:, None]
    gains = np.exp(-11.0 * np.square(distance / (_WIDTHS_HZ * scale)[:, None])) * (_WIDTHS_HZ[0] / _WIDTHS_HZ)[:, None]
    return np.where(gains > math.exp(-30.0 / (2.0 * 2.303)), gains, 0.0)


def _klatt_weights(energy: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """Weights (frames, 24) from band energies (frames, 25) in dB and their slopes: large near the loudest band and near
    a local peak.
    """
    levels = energy[:, :-1]
    peak = _nearest_peaks(energy, slope)
    of_loudest = _KLATT_MAX / (_KLATT_MAX + energy.max(1, keepdims=True) - levels)
    return of_loudest * _KLATT_LOCAL / (_KLATT_LOCAL + peak - levels)


def _nearest_peaks(energy: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """Level (frames, 24) at the end of each band's way uphill; to the right it stops one band before the peak, as in
    the published code.
    """
    bands = slope.shape[1]
    rising = slope > 0
    left, right = (np.tile(np.arange(bands), (len(slope), 1)) for _ in range(2))
    for i in range(1, bands):
        left[:, i] = np.where(rising[:, i - 1], i, left[:, i - 1])
    for i in range(bands - 2, -1, -1):
        right[:, i] = np.where(rising[:, i + 1], right[:, i + 1], i)
    return np.take_along_axis(energy, np.where(rising, right, left), axis=1)
