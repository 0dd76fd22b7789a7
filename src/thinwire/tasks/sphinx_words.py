"""Speech recognition on waveforms by PocketSphinx, with the acoustic model in its wheel: for codecs that give audio."""

from __future__ import annotations

import math
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from thinwire.corpora.sphinx import pronounce
from thinwire.errors import PipelineError
from thinwire.metrics.words import plain_text
from thinwire.seeding import rng

DITHER = 1e-3
"""Deviation of the noise under every recording: digital silence, as synthetic speech has it, upsets the recogniser."""
DISCOUNT = 0.5
"""Taken from every bigram's count for words that were not seen after its first (absolute discounting)."""
BEGIN, END = "<s>", "</s>"


class SphinxRecogniser:
    """Recognises English in 16 kHz waveforms: with the wheel's dictionary and trigrams, or, where `texts` are given,
    with the words and bigrams of these.

    The same audio gives the same text whatever was heard before. Raises PipelineError where `pocketsphinx` is missing,
    and for texts without words.
    """

    def __init__(self, texts: Iterable[str] | None = None) -> None:
        if texts is None:
            self._decoder = _decoder()
            return
        sentences = [words for text in texts if (words := plain_text(text).split())]
        if not sentences:
            raise PipelineError("PocketSphinx: no words in the texts of its language model; give transcripts")
        with tempfile.TemporaryDirectory() as name:
            model, dictionary = Path(name, "words.lm"), Path(name, "words.dict")
            known = _pronunciations({word for words in sentences for word in words})
            dictionary.write_text("".join(f"{entry} {phones}\n" for entry, phones in known), "utf-8")
            model.write_text(bigram_model(sentences), "utf-8")
            self._decoder = _decoder(lm=str(model), dict=str(dictionary))

    def transcribe(self, audio: np.ndarray) -> str:
        """The words of audio (samples,) in [-1, 1]; empty where none were found."""
        if not len(audio):
            return ""
        heard = audio + DITHER * rng(0, "dither").standard_normal(len(audio))
        samples = (np.clip(heard, -1.0, 1.0 - 2.0**-15) * 32768.0).round().astype("<i2").tobytes()
        self._decoder.start_utt()
        self._decoder.process_raw(samples, full_utt=True)
        self._decoder.end_utt()
        found = self._decoder.hyp()
        return "" if found is None else plain_text(found.hypstr)


def _decoder(**options: str) -> Any:
    try:
        from pocketsphinx import Decoder
    except ImportError as error:
        raise PipelineError(f"PocketSphinx cannot be used ({error}); install the `pocketsphinx` wheel") from error
    return Decoder(cmn="batch", loglevel="FATAL", **options)


def _pronunciations(words: set[str]) -> list[tuple[str, str]]:
    """Rows of a dictionary, `word` and further ones `word(2)`: the wheel's, or as eSpeak NG says the word."""
    known = _decoder(lm="")
    rows = []
    for word in sorted(words):
        number = 1
        while phones := known.lookup_word(entry := word if number == 1 else f"{word}({number})"):
            rows.append((entry, phones))
            number += 1
        if number == 1 and (said := pronounce(word)):
            rows.append((word, said))
    return rows


def bigram_model(sentences: list[list[str]]) -> str:
    """A bigram model of sentences in ARPA format, by absolute discounting with the unigrams behind it."""
    unigrams: Counter[str] = Counter()
    followers: dict[str, Counter[str]] = defaultdict(Counter)
    for words in sentences:
        unigrams.update([*words, END])
        for before, word in zip([BEGIN, *words], [*words, END], strict=True):
            followers[before][word] += 1
    total = sum(unigrams.values())
    share = {word: count / total for word, count in unigrams.items()}
    ones, twos = [], []
    for word in sorted({BEGIN, *unigrams}):
        log_share = math.log10(share[word]) if word in share else -99.0
        after = followers.get(word)
        if after is None:
            ones.append(f"{log_share:.4f} {word}")
            continue
        count = sum(after.values())
        unseen = 1.0 - sum(share[other] for other in after)
        # where every word was seen after this one there is nothing to back off to
        backoff = math.log10(DISCOUNT * len(after) / count / unseen) if unseen > 1e-9 else -99.0
        ones.append(f"{log_share:.4f} {word} {backoff:.4f}")
        pairs = sorted(after.items())
        twos += [f"{math.log10((times - DISCOUNT) / count):.4f} {word} {other}" for other, times in pairs]
    counts = f"\\data\\\nngram 1={len(ones)}\nngram 2={len(twos)}\n"
    return "\n".join([counts, "\\1-grams:", *ones, "", "\\2-grams:", *twos, "", "\\end\\", ""])
