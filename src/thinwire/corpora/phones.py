"""One phone set for all alignments, ARPAbet without stress, and which phone a codec's frame holds.

Not mappable: labels outside the table below, such as the velar fricative of `loch` or nasal vowels of foreign words.
They become UNKNOWN, so that their time does not count as silence. Merged, since ARPAbet has one symbol for both: schwa
and the vowel of `but` (AH), the near-close central vowel and the vowel of `bit` (IH), a flapped or glottal t (T).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from thinwire.corpora.alignment import Alignment, Row

ARPABET = (
    "AA", "AE", "AH", "AO", "AW", "AY", "B", "CH", "D", "DH", "EH", "ER", "EY", "F", "G", "HH", "IH", "IY", "JH", "K",
    "L", "M", "N", "NG", "OW", "OY", "P", "R", "S", "SH", "T", "TH", "UH", "UW", "V", "W", "Y", "Z", "ZH",
)  # fmt: skip
SILENCE = "SIL"
UNKNOWN = "SPN"

_SILENT = frozenset({"", SILENCE, "SP", "PAU", "H#", "<EPS>"})

# What eSpeak NG's English voices write, without stress and length; several phones share their label's time equally.
IPA = {
    "ɑ": "AA", "ɒ": "AA", "æ": "AE", "a": "AE", "ʌ": "AH", "ə": "AH", "ɐ": "AH", "ɔ": "AO", "aʊ": "AW", "aɪ": "AY",
    "ɛ": "EH", "e": "EH", "ɜ": "ER", "ɝ": "ER", "ɚ": "ER", "eɪ": "EY", "ɪ": "IH", "ᵻ": "IH", "i": "IY", "oʊ": "OW",
    "əʊ": "OW", "o": "OW", "ɔɪ": "OY", "ʊ": "UH", "u": "UW", "b": "B", "tʃ": "CH", "d": "D", "ð": "DH", "f": "F",
    "ɡ": "G", "h": "HH", "dʒ": "JH", "k": "K", "l": "L", "ɫ": "L", "m": "M", "n": "N", "ŋ": "NG", "p": "P", "ɹ": "R",
    "r": "R", "s": "S", "ʃ": "SH", "t": "T", "ɾ": "T", "ʔ": "T", "θ": "TH", "v": "V", "w": "W", "j": "Y", "z": "Z",
    "ʒ": "ZH", "ɑɹ": "AA R", "ɔɹ": "AO R", "oɹ": "AO R", "ɛɹ": "EH R", "ɪɹ": "IH R", "ʊɹ": "UH R", "aɪə": "AY AH",
    "aɪɚ": "AY ER", "aʊɚ": "AW ER", "aʊə": "AW AH", "iə": "IY AH", "ɪə": "IY AH", "eə": "EH AH", "ʊə": "UH AH",
    "əl": "AH L", "l̩": "AH L", "n̩": "AH N", "m̩": "AH M",
}  # fmt: skip

_MARKS = re.compile("[ˈˌː]")


def to_arpabet(label: str) -> tuple[str, ...]:
    """The phones of a label, which may be ARPAbet (stress digits are dropped) or eSpeak's IPA.

    Empty for silence, (UNKNOWN,) for what cannot be mapped.
    """
    plain = label.strip()
    if plain.upper() in _SILENT:
        return ()
    if (phone := plain.upper().rstrip("012")) in ARPABET:
        return (phone,)
    return tuple(IPA.get(_MARKS.sub("", plain), UNKNOWN).split())


class PhoneTrack(Alignment):
    """Words and phones of one recording, from rows (start, end, label) in seconds; phones in one phone set.

    `unmapped` counts the labels that became UNKNOWN.
    """

    def __init__(self, phones: list[Row], words: list[Row] | None = None) -> None:
        rows: list[Row] = []
        self.unmapped: Counter[str] = Counter()
        for start, end, label in phones:
            names = to_arpabet(label)
            if names == (UNKNOWN,):
                self.unmapped[label] += 1
            edges = np.linspace(start, end, len(names) + 1).tolist()
            rows += zip(edges, edges[1:], names, strict=False)
        self._phones = {"": sorted(rows)}
        self._words = words

    @classmethod
    def of_sidecar(cls, path: Path) -> PhoneTrack:
        """The alignment that a simulated corpus keeps beside a recording; raises BadInput naming file and entry."""
        given = Alignment(path)
        return cls(given._phones.get("", []), given._words)


def frame_labels(phones: Sequence[Mapping[str, Any]], frames: int, hop_s: float) -> np.ndarray:
    """The label (frames,) of each frame of `hop_s` seconds: the phone that fills most of it, or SILENCE.

    `phones` is the segment table's column, {"start", "end", "phone"} in seconds from the segment's beginning. A phone
    that comes twice in a frame counts with both its parts; of equally long ones the first wins (paper, Fig. 10: the
    phone with most occurrences in the frame's time).
    """
    names = list(dict.fromkeys(str(item["phone"]) for item in phones))
    starts = np.arange(frames) * hop_s
    held = np.zeros((len(names) + 1, frames))
    for item in phones:
        overlap = np.minimum(float(item["end"]), starts + hop_s) - np.maximum(float(item["start"]), starts)
        held[names.index(str(item["phone"]))] += np.maximum(overlap, 0.0)
    held[-1] = hop_s - held[:-1].sum(axis=0)
    # Sums of times carry rounding errors, which must not decide between phones of equal length.
    return np.array([*names, SILENCE])[np.argmax(np.round(held, 9), axis=0)]
