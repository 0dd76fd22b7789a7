"""CTC labels: texts survive them, and the number of frames that they need."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from thinwire.metrics.words import plain_text
from thinwire.tasks.ctc_text import BLANK, CHARACTERS, CLASSES, frames_needed, greedy_texts, labels_of

TEXTS = st.text(alphabet=CHARACTERS, max_size=12)


def log_probs_of(path: list[int]) -> torch.Tensor:
    """Log-probabilities (1, T, CLASSES) whose most probable path is the one given."""
    return (4.0 * functional.one_hot(torch.tensor([path]), CLASSES)).log_softmax(2)


@given(TEXTS, st.integers(1, 3), st.integers(1, 2))
def test_texts_survive_repeated_labels_with_blanks_between(text: str, times: int, blanks: int) -> None:
    labels = labels_of(text)
    assert labels is not None
    path = [BLANK] + [step for label in labels for step in [label] * times + [BLANK] * blanks]
    assert greedy_texts(log_probs_of(path)) == [plain_text(text)]


@given(TEXTS.map(labels_of).filter(bool))
def test_so_many_frames_and_no_fewer_can_say_a_text(labels: list[int]) -> None:
    def loss(frames: int) -> float:
        log_probs = torch.zeros(frames, 1, CLASSES).log_softmax(2)
        lengths = torch.tensor([frames]), torch.tensor([len(labels)])
        return float(functional.ctc_loss(log_probs, torch.tensor([labels]), *lengths, BLANK))

    needed = frames_needed(labels)
    assert loss(needed) < float("inf") and (needed == 1 or loss(needed - 1) == float("inf"))


def test_digits_have_no_labels() -> None:
    assert labels_of("Room 12") is None
    assert labels_of("It's") == [CHARACTERS.index(character) + 1 for character in "it's"]
    assert labels_of("...") == []
