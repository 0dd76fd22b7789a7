"""Items of a scene that several microphones recorded together, given by path: what no simulation made."""

from __future__ import annotations

import numpy as np
import pandas as pd

from thinwire import audio
from thinwire.errors import ParamError
from thinwire.evaluation.neural_dsc.items import Items
from thinwire.params import Params
from thinwire.params.neural_dsc import NdscRow
from thinwire.systems.neural_dsc.speech import prepare, samples_of

_PLACE = "params.yaml: evaluation.neural_dsc.recording"
TOLERANCE_S = 0.1
"""Seconds by which files that begin together may differ at their ends; more, and they hardly begin together."""


def recorded_items(params: Params, row: NdscRow, frames: int) -> dict[int, Items]:
    """The recording of `evaluation.neural_dsc.recording` in pieces of so many frames, one after the other, by the
    number of the microphone that is y: 2 and on of the pair mic2, 1 and on of the pair close; none where the files that
    the row's pair needs are not given. What remains at the end is left out.

    Raises ParamError for files whose lengths differ by more than `TOLERANCE_S`, and for such as are too short for a
    piece, CorpusError for what is no such audio.
    """
    given = params.evaluation.neural_dsc.recording
    far = {number: name for number, name in enumerate((given.mic1, *given.far), 1) if name is not None}
    sent = far.pop(1, None) if row.pair == "mic2" else given.worn
    if sent is None:
        return {}
    return {number: _pieces(params, row, frames, sent, side) for number, side in far.items()}


def _pieces(params: Params, row: NdscRow, frames: int, *names: str) -> Items:
    """Items of two files, x and y."""
    spectrum = params.systems.neural_dsc.spectrum
    sent, side = (audio.read(name, channels=1)[0] for name in names)
    if abs(len(sent) - len(side)) > round(TOLERANCE_S * audio.SAMPLE_RATE):
        seconds = [len(wave) / audio.SAMPLE_RATE for wave in (sent, side)]
        raise ParamError(
            f"{_PLACE}: {names[0]} lasts {seconds[0]:.2f} s and {names[1]} {seconds[1]:.2f} s; files of one recording "
            f"may differ by {TOLERANCE_S:g} s at their ends: name two of the same scene that begin together"
        )
    length = samples_of(frames, row.domain, spectrum)
    pieces = min(len(sent), len(side)) // length
    if not pieces:
        raise ParamError(f"{_PLACE}: {names[0]} and {names[1]} share less than the {length} samples of one item")
    x, y = (wave[: pieces * length].reshape(pieces, length) for wave in (sent, side))
    far = np.stack([x, y] if row.pair == "mic2" else [y, y], 1)
    speech = prepare(far, x, row.domain, row.pair, spectrum)
    starts = np.arange(pieces) * length / audio.SAMPLE_RATE
    table = pd.DataFrame(
        {"segment_id": [f"recording_{start:06.2f}s" for start in starts], "group": "recording", "scene": "recording"}
    )
    return Items(table, speech.x, speech.y, audio=speech.audio)
