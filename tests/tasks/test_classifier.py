"""The classifier: any length, and that it learns classes apart from level."""

from __future__ import annotations

import pytest
import torch

from thinwire.params.aucom_classifier import Settings
from thinwire.params.aucom_codec import AucomFbank
from thinwire.params.aucom_tasks import Variation
from thinwire.tasks.classifier import Classifier, ClassifierSystem

LABELS = ("falling", "rising", "steady")
TINY = Settings(
    spectrum=AucomFbank(n_mels=16), channels=[6, 12], width=16, variation=Variation(masks=1, mels=2, time_s=0.05)
)


def batch_of(count: int, seed: int) -> dict[str, torch.Tensor]:
    """A line over 16 mels and 48 frames at a random level; it falls, rises, or stays."""
    generator = torch.Generator().manual_seed(seed)
    label = torch.randint(3, (count,), generator=generator)
    slope = torch.tensor([-0.2, 0.2, 0.0])[label]
    time = torch.arange(48) - 24
    line = 8.0 + slope[:, None] * time + 2.0 * torch.rand(count, 1, generator=generator)
    f = 6.0 * torch.exp(-0.5 * (torch.arange(16)[None, :, None] - line[:, None, :]) ** 2)
    f = f + torch.randn(count, 1, 1, generator=generator) + 0.3 * torch.randn(f.shape, generator=generator)
    return {"clean": f, "label": label.float()}


@pytest.mark.parametrize("frames", [1, 100, 501])
def test_any_length_gives_one_distribution(frames: int) -> None:
    model = Classifier(TINY, LABELS).eval()
    found = model.probabilities(torch.zeros(2, 16, frames))
    assert found.shape == (2, 3) and torch.allclose(found.sum(1), torch.ones(2))


def test_it_learns_movements() -> None:
    torch.manual_seed(0)
    system = ClassifierSystem(TINY, LABELS)
    train, test = batch_of(96, 1), batch_of(60, 2)
    system.model.input.fit(train["clean"])
    optimizer = torch.optim.AdamW(system.parameters(), 0.01)
    for step in range(60):
        chosen = torch.randperm(96, generator=torch.Generator().manual_seed(step))[:24]
        batch = {name: value[chosen] for name, value in train.items()}
        total = system.total(system(batch, torch.Generator().manual_seed(step)))
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
    system.eval()
    named = system(test, torch.Generator()).named
    said = [LABELS[int(label)] for label in test["label"]]
    heard = system.model.classify(test["clean"])
    right = sum(one == other for one, other in zip(said, heard, strict=True)) / len(said)
    assert right > 0.9 and float(named["accuracy"]) == pytest.approx(right)
    answer = system.model.answer(test["clean"][0].numpy())
    assert answer["label"] == heard[0] and 1 / 3 < answer["probability"] <= 1.0
    alone = torch.cat([system.model.probabilities(item[None]) for item in test["clean"][:4]])
    assert torch.allclose(alone, system.model.probabilities(test["clean"])[:4], atol=1e-5)
