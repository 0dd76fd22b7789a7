"""Word error rate (AUCOM Eq. 25), by `jiwer`, on texts of one spelling."""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass


@dataclass(frozen=True)
class WordErrors:
    """How the words of a reference fared; sums of these are those of the texts together."""

    hits: int = 0
    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0

    @property
    def words(self) -> int:
        """Words of the reference."""
        return self.hits + self.substitutions + self.deletions

    @property
    def rate(self) -> float:
        """WER, a share that may exceed 1; NaN without words."""
        wrong = self.substitutions + self.deletions + self.insertions
        return wrong / self.words if self.words else math.nan

    def __add__(self, other: WordErrors) -> WordErrors:
        return WordErrors(
            self.hits + other.hits,
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
        )


def plain_text(text: str) -> str:
    """Lower case without accents; words of a-z, digits and inner apostrophes, one space between them."""
    ascii_text = unicodedata.normalize("NFKD", text.replace("\u2019", "'")).encode("ascii", "ignore").decode()
    return " ".join(re.findall(r"[a-z0-9]+(?:'[a-z0-9]+)*", ascii_text.lower()))


def word_errors(reference: str, hypothesis: str) -> WordErrors:
    """Fewest errors that lead from the words of `reference` to those of `hypothesis`, both as `plain_text`."""
    import jiwer

    said, heard = plain_text(reference), plain_text(hypothesis)
    if not said:
        return WordErrors(insertions=len(heard.split()))
    found = jiwer.process_words(said, heard)
    return WordErrors(found.hits, found.substitutions, found.deletions, found.insertions)
