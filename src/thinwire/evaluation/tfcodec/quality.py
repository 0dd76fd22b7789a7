"""What a listener would get: PESQ, STOI, ViSQOL, PLCMOS and distances of decoded clips (Tables II to V, Fig. 6, 11)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from thinwire.evaluation.parallel import over_items
from thinwire.evaluation.tfcodec.common import Clips
from thinwire.metrics.perceptual import pesq_wb, plcmos, stoi, visqol_speech
from thinwire.metrics.spectral import log_spectral_distance
from thinwire.metrics.waveform import si_sdr
from thinwire.params import Params
from thinwire.params.tfcodec_evaluation import Evaluation
from thinwire.signal.causal_stft import causal_stft

LISTENED = {"stoi": stoi, "visqol": visqol_speech}
HIGH_BAND = (4000.0, 8000.0)
N_FFT, HOP_LENGTH = 640, 160
PESQ_LOWEST = 1.04


def _pesq(reference: np.ndarray, test: np.ndarray) -> float:
    """PESQ; the end of its scale where it finds speech in the reference and none in what was decoded, so that a codec
    that loses all speech is not spared.
    """
    found = float(pesq_wb(reference, test))
    lost = np.isnan(found) and not np.isnan(float(pesq_wb(reference, reference)))
    return PESQ_LOWEST if lost else found


def _measure(name: str, reference: np.ndarray, test: np.ndarray) -> float:
    if name == "plcmos":
        return float(plcmos(test))
    return _pesq(reference, test) if name == "pesq" else float(LISTENED[name](reference, test))


def _listen(reference: np.ndarray, test: np.ndarray, measures: Sequence[str]) -> dict[str, float]:
    return {name: _measure(name, reference, test) for name in measures}


def listen(
    reference: np.ndarray, decoded: np.ndarray, measures: Sequence[Sequence[str]], params: Params
) -> pd.DataFrame:
    """Listening measures of decoded clips against references, both (n, samples) at one loudness.

    `measures` names those of each clip, of `pesq`, `stoi`, `visqol` and `plcmos`; what is not asked for is NaN.
    """
    calls = list(zip(reference, decoded, measures, strict=True))
    table = pd.DataFrame(over_items(_listen, calls, params.jobs, params.scheduler))
    return table.reindex(columns=["pesq", "stoi", "visqol", "plcmos"]).astype(float)


def item_measures(clips: Clips, settings: Evaluation) -> list[list[str]]:
    """PESQ and STOI of every clip, ViSQOL and PLCMOS of evenly spread ones."""
    some = {"visqol": set(clips.subset(settings.visqol_items)), "plcmos": set(clips.subset(settings.plcmos_items))}
    return [["pesq", "stoi", *(name for name, places in some.items() if i in places)] for i in range(len(clips))]


def quality(clips: Clips, decoded: np.ndarray, settings: Evaluation, params: Params) -> pd.DataFrame:
    """Columns pesq, stoi, visqol, plcmos, si_sdr (dB), lsd and lsd_4_8k (dB) of decoded clips (n, samples)."""
    reference, test = clips.reference, decoded * clips.gain[:, None]
    table = listen(reference, test, item_measures(clips, settings), params)
    table["si_sdr"] = si_sdr(reference, test)
    spectra = [_spectra(x) for x in (reference, test)]
    table["lsd"] = log_spectral_distance(spectra[0], spectra[1])
    table["lsd_4_8k"] = log_spectral_distance(spectra[0], spectra[1], HIGH_BAND)
    return table


def _spectra(audio: np.ndarray) -> np.ndarray:
    """Magnitudes (n, F, T)."""
    return causal_stft(torch.from_numpy(np.ascontiguousarray(audio, np.float32)), N_FFT, HOP_LENGTH).abs().numpy()
