"""Perceptual measures: PESQ (`pesq`), STOI (`pystoi`), PLCMOS (`speechmos`), ViSQOL (`visqol-python`).

Each takes mono waveforms (samples,) and returns a `Score`, which is a float. It is NaN, with a reason, where the
measure says nothing: silence, or too little speech. Nothing is raised for ordinary audio.
"""

from __future__ import annotations

import math
import warnings
from functools import lru_cache
from typing import Any

import numpy as np

from thinwire.audio import SAMPLE_RATE, resample

PLCMOS_LEAST_S = 2.0
SILENCE = 1e-5  # peak below which a waveform counts as silent (a third of a 16-bit step)


class Score(float):
    """A float that knows why it is NaN (`reason`, empty otherwise)."""

    reason: str

    def __new__(cls, value: float, reason: str = "") -> Score:
        score = super().__new__(cls, value)
        score.reason = reason
        return score


def _unusable(*waveforms: np.ndarray) -> str:
    for x in waveforms:
        if x.ndim != 1 or x.shape != waveforms[0].shape:
            raise ValueError(f"expected mono waveforms of one length, got shapes {[w.shape for w in waveforms]}")
        if x.size == 0:
            return "no samples"
        if not np.isfinite(x).all():
            return "holds NaN or infinite samples"
        if np.abs(x).max() < SILENCE:
            return "silent"
    return ""


def pesq_wb(clean: np.ndarray, test: np.ndarray, sample_rate: int = SAMPLE_RATE) -> Score:
    """Wide-band PESQ (ITU-T P.862.2) as MOS-LQO, 1.04 to 4.64, of `test` against `clean`.

    NaN where PESQ finds no utterance in `clean` or the clip is shorter than a quarter of a second.
    """
    import pesq

    x, y = (resample(np.asarray(w, np.float32), sample_rate) for w in (clean, test))
    if reason := _unusable(x, y):
        return Score(math.nan, reason)
    try:
        return Score(pesq.pesq(SAMPLE_RATE, x, y, "wb"))
    except pesq.PesqError as error:
        text = error.args[0] if error.args else type(error).__name__
        return Score(math.nan, text.decode() if isinstance(text, bytes) else str(text))


def stoi(clean: np.ndarray, test: np.ndarray, sample_rate: int = SAMPLE_RATE, extended: bool = False) -> Score:
    """Short-time objective intelligibility of `test` against `clean` (Taal et al. 2011), about 0 to 1; or ESTOI.

    NaN where `clean` holds less than 0.4 s within 40 dB of its loudest frame (`pystoi` itself would say 1e-5).
    """
    from pystoi import stoi as reference

    x, y = np.asarray(clean, np.float64), np.asarray(test, np.float64)
    if reason := _unusable(x, y):
        return Score(math.nan, reason)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        try:
            return Score(reference(x, y, sample_rate, extended))
        except (RuntimeWarning, ValueError, IndexError):
            return Score(math.nan, "less than 0.4 s of active speech")


def visqol_speech(clean: np.ndarray, test: np.ndarray, sample_rate: int = SAMPLE_RATE) -> Score:
    """ViSQOL v3 in speech mode with its lattice model (Chinen et al. 2020): MOS-LQO, 1 to 5, of `test` against `clean`.

    Equal waveforms score about 4.5. NaN where `clean` holds less speech than one patch of comparison (0.6 s), or where
    `visqol-python` or its `lattice` extra is missing (the polynomial that would stand in says 1 to 2 points too much).
    Not to be called from several threads at once: its compiled loops share one queue.
    """
    x, y = (resample(np.asarray(w, np.float32), sample_rate) for w in (clean, test))
    if reason := _unusable(x, y):
        return Score(math.nan, reason)
    try:
        model = _visqol_model()
    except ImportError as error:
        return Score(math.nan, f"visqol-python cannot be used ({error})")
    try:
        return Score(model.measure_from_arrays(x, y, SAMPLE_RATE).moslqo)
    except (IndexError, ValueError):  # no patch with speech; fewer samples than one window
        return Score(math.nan, "less than 0.6 s of active speech")


@lru_cache(maxsize=1)
def _visqol_model() -> Any:
    """The measure with its model, loaded once."""
    from visqol import VisqolApi

    model = VisqolApi()
    model.create(mode="speech", use_lattice_model=True)
    return model


def plcmos(test: np.ndarray, sample_rate: int = SAMPLE_RATE, seed: int = 0) -> Score:
    """PLCMOS v2 (Diener et al. 2023), a predicted mean opinion score of 1 to 5 that needs no reference.

    A clip shorter than PLCMOS_LEAST_S is repeated up to that length, since the network was trained on clips of about
    ten seconds; a clip that exceeds full scale is brought down to it. The network averages over raters that it draws
    at random; here they come from `seed`. NaN with a reason where `onnxruntime`, which `speechmos` needs, is missing.
    """
    x = resample(np.asarray(test, np.float32), sample_rate)
    if reason := _unusable(x):
        return Score(math.nan, reason)
    try:
        model = _plcmos_model()
    except ImportError as error:
        return Score(math.nan, f"speechmos cannot be used ({error})")
    x = np.tile(x, max(1, math.ceil(PLCMOS_LEAST_S * SAMPLE_RATE / x.size)))
    state = np.random.get_state()
    # speechmos draws its raters from NumPy's global generator: it is seeded for the call and put back after it.
    np.random.seed(seed)
    try:
        return Score(model.get_mos(x / max(1.0, float(np.abs(x).max()))))
    finally:
        np.random.set_state(state)


@lru_cache(maxsize=1)
def _plcmos_model() -> Any:
    """The network, loaded once, on one thread so that sums come out in the same order."""
    import onnxruntime
    from speechmos.plcmos import PLCMOS

    model = PLCMOS()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    model.session = onnxruntime.InferenceSession(model.model_path, options, providers=["CPUExecutionProvider"])
    return model
