"""Texts as CTC labels and back."""

from __future__ import annotations

from torch import Tensor

from thinwire.metrics.words import plain_text

BLANK = 0
CHARACTERS = " abcdefghijklmnopqrstuvwxyz'"
"""Character k has label k + 1."""
CLASSES = len(CHARACTERS) + 1

_LABELS = {character: label for label, character in enumerate(CHARACTERS, start=1)}


def labels_of(text: str) -> list[int] | None:
    """Labels of a text, spelled as `plain_text`; None where it has characters without a label (digits)."""
    labels = [_LABELS.get(character, BLANK) for character in plain_text(text)]
    return None if BLANK in labels else labels


def frames_needed(labels: list[int]) -> int:
    """Fewest frames that can say `labels`: a blank stands between equal ones."""
    return len(labels) + sum(one == other for one, other in zip(labels, labels[1:], strict=False))


def greedy_texts(log_probs: Tensor) -> list[str]:
    """The texts of the most probable path of each item, log-probabilities (B, T, CLASSES)."""
    texts = []
    for path in log_probs.argmax(2).tolist():
        changes = [label for label, before in zip(path, [BLANK, *path], strict=False) if label != before]
        text = "".join(CHARACTERS[label - 1] for label in changes if label != BLANK)
        texts.append(" ".join(text.split()))
    return texts
