"""Decoded speech against what was sent: kbit/s, intelligibility and quality, waveform and spectral distances.

Items of the VQ-VAE are maps; what a listener would get is their waveform. A mel map carries no phase: its waveform is
Griffin-Lim's guess, on which SI-SDR says nothing and is left out (NaN), and whose STOI and PESQ have a ceiling that
`measure` shows when the uncoded maps are given as decoded ones.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from torch import Tensor

from thinwire.evaluation.parallel import over_items
from thinwire.metrics.perceptual import pesq_wb, stoi
from thinwire.metrics.spectral import log_spectral_distance
from thinwire.metrics.waveform import si_sdr
from thinwire.params import Params
from thinwire.params.neural_dsc import Domain, NdscSpectrum
from thinwire.systems.neural_dsc.speech import SpeechItems, magnitudes, seconds_of, waveforms

LOUDNESS = 0.05
"""Root mean square of a reference segment in front of a listening measure."""
PESQ_LOWEST = 1.04
"""End of PESQ's scale."""


def kbps(bits: np.ndarray, frames: int, domain: Domain, spectrum: NdscSpectrum) -> np.ndarray:
    """Rates of items of so many frames that cost `bits` (n,)."""
    return np.asarray(bits, np.float64) / seconds_of(frames, domain, spectrum) / 1000.0


def measure(
    items: SpeechItems, decoded: Tensor, domain: Domain, spectrum: NdscSpectrum, params: Params, listened: np.ndarray
) -> pd.DataFrame:
    """One row an item of decoded maps (n, C, H, W).

    Columns: mse (of the maps as they are, not standardised), lsd (dB, of mel bands or STFT bins), level_db (of the
    decoded map's mean power over the sent one's), stoi, pesq (wide band; of the items at places `listened`, others
    NaN; the scale's end where the reference holds speech and what was decoded none), si_sdr (dB; NaN for `mel`).
    """
    sent, received = (magnitudes(maps, domain, spectrum) for maps in (items.x, decoded))
    difference = (items.x - decoded).double().square().mean((1, 2, 3))
    power = [np.maximum(np.square(x).mean((1, 2)), np.finfo(float).tiny) for x in (received, sent)]
    table = pd.DataFrame(
        {
            "mse": difference.numpy(),
            "lsd": np.atleast_1d(log_spectral_distance(sent, received)),
            "level_db": 10.0 * np.log10(power[0] / power[1]),
            "stoi": math.nan,
            "pesq": math.nan,
            "si_sdr": math.nan,
        }
    )
    wanted = np.arange(len(items)) if domain == "stft" else np.asarray(listened, int)
    if not len(wanted):
        return table
    heard = waveforms(decoded[wanted], domain, spectrum)
    if domain == "stft":
        table["si_sdr"] = np.atleast_1d(si_sdr(items.audio, heard))
    place = {int(index): row for row, index in enumerate(wanted)}
    calls = [(LOUDNESS * items.audio[i], LOUDNESS * heard[place[int(i)]]) for i in listened]
    if calls:
        scores = over_items(listen, calls, params.jobs, params.scheduler)
        table.loc[np.asarray(listened, int), ["stoi", "pesq"]] = np.array(scores)
    return table


def listen(reference: np.ndarray, test: np.ndarray) -> tuple[float, float]:
    """STOI and wide-band PESQ of a waveform (samples,) against another; PESQ is its scale's end where speech was sent
    and none is heard.
    """
    found = float(pesq_wb(reference, test))
    lost = math.isnan(found) and not math.isnan(float(pesq_wb(reference, reference)))
    return float(stoi(reference, test)), PESQ_LOWEST if lost else found
