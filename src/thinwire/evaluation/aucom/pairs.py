"""Noisy and clean test pairs of the enhancer: with words for the recogniser, and what the noise gate hears of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from thinwire.audio import SAMPLE_RATE
from thinwire.errors import PipelineError
from thinwire.evaluation.aucom.common import evenly
from thinwire.metrics.perceptual import SILENCE
from thinwire.params import Params
from thinwire.segments import Segments, SegmentStore
from thinwire.systems.aucom.gate import LONGEST_S, NoiseGate
from thinwire.training.adapters.aucom_recogniser import said_in
from thinwire.training.build import DATA

SPOKEN = "librispeech"
"""The corpus whose words are known, and whose recogniser hears the pairs."""


@dataclass(frozen=True)
class Pairs:
    """Test pairs: `table` (n rows with segment_id, speaker, noise, snr_db, words), `clean` and `noisy` (n, samples)."""

    table: pd.DataFrame
    clean: np.ndarray
    noisy: np.ndarray

    @classmethod
    def of(cls, segments: Segments) -> Pairs:
        """The first microphone of segments."""
        table = segments.table.reset_index(drop=True)
        snr_db = table["snr_db"].map(lambda levels: levels[0]).astype(float)
        return cls(table.assign(snr_db=snr_db), segments.clean, segments.noisy[:, 0])

    def __len__(self) -> int:
        return len(self.table)

    def take(self, chosen: np.ndarray) -> Pairs:
        """Some of the pairs."""
        return Pairs(self.table.iloc[chosen].reset_index(drop=True), self.clean[chosen], self.noisy[chosen])

    def spread(self, most: int) -> Pairs:
        """At most so many, evenly spread, the same for every run."""
        return self.take(evenly(len(self), most))

    def with_words(self) -> Pairs:
        """Those whose words are known and can have been said in their time."""
        said = said_in(Segments(self.table, self.noisy[:, None], self.clean))
        return self.take(np.flatnonzero([len(labels) > 0 for labels in said]))


def load_pairs(params: Params, corpus: str) -> Pairs:
    """All test pairs of a corpus; raises PipelineError without any."""
    return Pairs.of(SegmentStore(DATA / corpus).load(params.evaluation.aucom.split))


def spoken_pairs(params: Params, pairs: Pairs) -> Pairs:
    """Pairs with words: the corpus' own or, where it has none, speech of SPOKEN in the noises of the pairs.

    Raises PipelineError where no words are known at all.
    """
    own = pairs.with_words()
    if len(own):
        return own
    speech = load_pairs(params, SPOKEN).with_words()
    if not len(speech):
        raise PipelineError(
            f"{DATA / SPOKEN}: no segment of split {params.evaluation.aucom.split} has words that could be said in it; "
            "give the corpus its transcripts"
        )
    return mixed(speech, pairs)


def mixed(speech: Pairs, pairs: Pairs) -> Pairs:
    """The clean side of `speech` in the noises of `pairs`, taken in turn and repeated to its length, at their SNRs."""
    places = np.arange(len(speech)) % len(pairs)
    table = speech.table.assign(**{name: pairs.table[name].to_numpy()[places] for name in ("noise", "snr_db")})
    noisy = np.empty_like(speech.clean)
    for out, clean, place, snr_db in zip(noisy, speech.clean, places, table["snr_db"], strict=True):
        noise = np.resize(pairs.noisy[place] - pairs.clean[place], clean.shape)
        power = np.square(clean, dtype=np.float64).mean() / max(np.square(noise, dtype=np.float64).mean(), SILENCE**2)
        out[:] = clean + np.sqrt(power / 10.0 ** (snr_db / 10.0)) * noise
    return Pairs(table, speech.clean, noisy)


def gate_open(pairs: Pairs, gate: NoiseGate) -> np.ndarray:
    """Whether the gate asks for enhancement, bool (n,). It hears the first second of the noise alone: the paper listens
    before anyone speaks, and segments have no such moment (reading).
    """
    background = (pairs.noisy - pairs.clean)[:, : int(LONGEST_S * SAMPLE_RATE)]
    return np.array([gate.is_noisy(one) for one in background], bool)
