"""The recogniser: its GRUs against PyTorch's, any length, and that it learns to spell."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from thinwire.params.aucom_codec import AucomFbank
from thinwire.params.aucom_recogniser import Settings
from thinwire.params.aucom_tasks import Variation
from thinwire.tasks.ctc_text import CLASSES
from thinwire.tasks.recogniser import BiGru, Recogniser, RecogniserSystem
from thinwire.training.adapters.aucom_recogniser import padded

TINY = Settings(
    spectrum=AucomFbank(n_mels=12), channels=4, hidden=24, layers=1, variation=Variation(masks=1, mels=2, time_s=0.02)
)
MELS = 12


def spoken(texts: list[list[int]], generator: torch.Generator) -> torch.Tensor:
    """Features (n, MELS, L) in which label k sounds in mel k for 120 ms, with 80 ms of silence between."""
    frames = 20 * max(map(len, texts)) + 20
    f = 0.2 * torch.randn(len(texts), MELS, frames, generator=generator) - 10.0
    for item, text in zip(f, texts, strict=True):
        for place, label in enumerate(text):
            item[label, 20 * place + 10 : 20 * place + 22] += 8.0
    return f


def batch_of(count: int, seed: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    texts = [torch.randint(2, 9, (3,), generator=generator).tolist() for _ in range(count)]
    text, length = padded(texts)
    return {"clean": spoken(texts, generator), "text": text.float(), "text_length": length.float()}


def test_the_gru_is_pytorchs_bidirectional_one() -> None:
    torch.manual_seed(0)
    own, reference = BiGru(6, 5), nn.GRU(6, 5, batch_first=True, bidirectional=True)
    own.forwards.load_state_dict({k: v for k, v in reference.state_dict().items() if "reverse" not in k})
    own.backwards.load_state_dict(
        {k.removesuffix("_reverse"): v for k, v in reference.state_dict().items() if "reverse" in k}
    )
    x = torch.randn(3, 9, 6)
    assert torch.allclose(own(x), own.norm(reference(x)[0]), atol=1e-5)


@pytest.mark.parametrize("frames", [1, 7, 500])
def test_any_length_gives_a_step_for_four_frames(frames: int) -> None:
    out = Recogniser(TINY)(torch.zeros(2, MELS, frames))
    assert out.shape == (2, -(-frames // 4), CLASSES)
    assert torch.allclose(out.exp().sum(2), torch.ones(out.shape[:2]), atol=1e-5)


def test_it_learns_to_spell_what_it_hears() -> None:
    torch.manual_seed(0)
    system = RecogniserSystem(TINY)
    train, test = batch_of(64, 1), batch_of(20, 2)
    system.model.input.fit(train["clean"])
    optimizer = torch.optim.AdamW(system.parameters(), 0.01)
    for step in range(200):
        chosen = torch.randperm(64, generator=torch.Generator().manual_seed(step))[:16]
        batch = {name: value[chosen] for name, value in train.items()}
        total = system.total(system(batch, torch.Generator().manual_seed(step)))
        optimizer.zero_grad()
        total.backward()
        nn.utils.clip_grad_norm_(system.parameters(), 1.0)  # as the loop does
        optimizer.step()
    system.eval()
    heard = system.model.transcribe(test["clean"])
    said = ["".join(chr(ord("a") + int(label) - 2) for label in text) for text in test["text"]]
    assert np.mean([one == other for one, other in zip(heard, said, strict=True)]) > 0.8
    assert system.model.answer(test["clean"][0].numpy()) == {"text": heard[0]}


def test_losses_follow_the_generator_in_training_alone() -> None:
    torch.manual_seed(0)
    system, batch = RecogniserSystem(TINY), batch_of(4, 1)

    def loss(seed: int) -> float:
        return system(batch, torch.Generator().manual_seed(seed)).named["ctc"].item()

    assert loss(1) == loss(1) != loss(2)
    system.eval()
    assert loss(1) == loss(2)
