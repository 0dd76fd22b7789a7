"""Forced alignment of English speech with its text by PocketSphinx, with the model in its wheel."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Any

import numpy as np

from thinwire.audio import SAMPLE_RATE
from thinwire.corpora.alignment import Row
from thinwire.corpora.phones import UNKNOWN, PhoneTrack, to_arpabet
from thinwire.corpora.simulate import espeak
from thinwire.errors import CorpusError

FRAME_S = 0.01
# PocketSphinx counts a frame from the first sample of its 25.6 ms window; the 10 ms it speaks for lie in the middle.
CENTRE_S = (0.025625 - FRAME_S) / 2
_SPELLER = espeak.Voice("en-us", pitch=50, pitch_range=50, rate=175)


class PhoneAligner:
    """Finds words and phones in recordings whose text is known. Raises CorpusError where `pocketsphinx` is missing."""

    def __init__(self) -> None:
        self._decoder = self._load()

    @staticmethod
    def _load() -> Any:
        try:
            from pocketsphinx import Decoder
        except ImportError as error:
            remedy = "install the `pocketsphinx` wheel, or set corpora.ljspeech.alignment to `given` or `none`"
            raise CorpusError(f"PocketSphinx cannot be used ({error}); {remedy}") from error
        # With `bestpath` the first pass can give a phone fewer frames than it has states, and the second pass fails.
        return Decoder(lm=None, cmn="batch", bestpath=False, loglevel="FATAL")

    def align(self, audio: np.ndarray, text: str) -> PhoneTrack | None:
        """Words and phones of audio (samples,) at 16 kHz; None where text and audio do not fit together.

        Two passes: words first, which also chooses among pronunciations and finds pauses, then phones inside them.
        Words that the model's dictionary lacks are pronounced as eSpeak NG does. The same arguments give the same
        alignment whatever was aligned before.
        """
        words = spoken_words(text)
        if not words or len(audio) == 0:
            return None
        for word in words:
            if self._decoder.lookup_word(word) is None:
                if not (phones := pronounce(word)):
                    return None
                self._decoder.add_word(word, phones)
        samples = (np.clip(audio, -1.0, 1.0 - 2.0**-15) * 32768.0).round().astype("<i2").tobytes()
        try:
            self._decoder.set_align_text(" ".join(words))
            self._pass(samples)
            if self._decoder.hyp() is None:
                raise RuntimeError("the text was not found")
            self._decoder.set_alignment()
            self._pass(samples)
        except RuntimeError:
            # A failed pass leaves the decoder in the middle of an utterance, from where it does not recover.
            self._decoder = self._load()
            return None
        return self._track(len(audio) / SAMPLE_RATE)

    def _track(self, seconds: float) -> PhoneTrack:
        words: list[Row] = []
        phones: list[Row] = []
        # An entry is only good until the next one is asked for: its memory is the decoder's.
        for word in self._decoder.get_alignment():
            if not word.name.startswith(("<", "[")):
                words.append((*_span(word, seconds), re.sub(r"\(\d+\)$", "", word.name)))
                phones += [(*_span(phone, seconds), phone.name) for phone in word]
        return PhoneTrack(phones, words)

    def _pass(self, samples: bytes) -> None:
        self._decoder.start_utt()
        self._decoder.process_raw(samples, full_utt=True)
        self._decoder.end_utt()


def _span(entry: Any, seconds: float) -> tuple[float, float]:
    start, end = (frame * FRAME_S + CENTRE_S for frame in (entry.start, entry.start + entry.duration))
    return round(start if entry.start else 0.0, 4), round(min(end, seconds), 4)


def spoken_words(text: str) -> list[str]:
    """The words of a text as dictionaries write them: lower case, no accents, no punctuation but apostrophes."""
    plain = unicodedata.normalize("NFKD", text.replace("\u2019", "'")).encode("ascii", "ignore").decode().lower()
    return [word for found in re.findall(r"[a-z0-9']+", plain) if (word := found.strip("'"))]


@lru_cache(maxsize=4096)
def pronounce(word: str) -> str:
    """A word's phones by eSpeak NG's rules, as text; what cannot be mapped is left out. Raises CorpusError."""
    events = espeak.synthesise(word, _SPELLER).events
    phones = [phone for event in events if event.kind == "phoneme" for phone in to_arpabet(event.label)]
    return " ".join(phone for phone in phones if phone != UNKNOWN)
