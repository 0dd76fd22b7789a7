"""The training loop: every system goes through it, on one CPU, one GPU or several processes.

Randomness is a function of (seed, step, rank): a step draws its batch and noise from generators made for that step, so
a run that was killed and started again from its last checkpoint takes the same steps as one that was not.
"""

from __future__ import annotations

import copy
import math
import os
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pandas as pd
import torch
from torch import Tensor
from tqdm import tqdm

from thinwire.errors import PipelineError
from thinwire.nn.ema import Ema
from thinwire.nn.trainable import Batch, Losses, Trainable
from thinwire.params.base import Training
from thinwire.seeding import derive_seed
from thinwire.training.state import Checkpoint, flatten_optimizer, restore_optimizer

RESUME = "resume.safetensors"


@dataclass(frozen=True)
class TensorData:
    """A split in memory: named tensors of the same first length."""

    tensors: dict[str, Tensor]

    def __len__(self) -> int:
        return len(next(iter(self.tensors.values())))

    def take(self, index: Tensor, device: torch.device) -> Batch:
        """Float tensors of the chosen items on a device."""
        return {name: value[index].to(device).float() for name, value in self.tensors.items()}


class Data(Protocol):
    """What the loop trains on; `item_s` is the seconds of an item that a step sees."""

    @property
    def train(self) -> TensorData: ...
    @property
    def dev(self) -> TensorData: ...
    @property
    def item_s(self) -> float: ...


@dataclass
class Outcome:
    """What training leaves: validation rows (one a validation), the best step, seconds of audio seen, wall seconds."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    best_step: int = 0
    best_total: float = math.inf
    seconds_seen: float = 0.0
    wall_s: float = 0.0


def _generator(*names: object) -> torch.Generator:
    return torch.Generator().manual_seed(derive_seed(*names))  # type: ignore[arg-type]


class Loop:
    """Trains a system for a number of steps, or until a time limit, and keeps the weights with the best validation
    total.
    """

    def __init__(
        self, system: Trainable, splits: Data, settings: Training, steps: int, seed: int, folder: Path, describe: str
    ) -> None:
        self.train, self.dev, self.item_s = splits.train, splits.dev, splits.item_s
        self.settings, self.steps, self.seed, self.folder, self.describe = settings, steps, seed, folder, describe
        from lightning.fabric import Fabric  # costs seconds to import, and only training needs it

        devices = int(os.environ.get("LOCAL_WORLD_SIZE", settings.devices))  # torchrun says how many it started
        self.fabric = Fabric(
            accelerator=settings.accelerator, devices=devices, num_nodes=settings.nodes,
            precision=settings.precision,  # type: ignore[arg-type]
            strategy="ddp" if devices * settings.nodes > 1 else "auto",
        )  # fmt: skip
        if devices * settings.nodes > 1:
            self.fabric.launch()
        torch.manual_seed(derive_seed(seed, "critic"))
        critic = system.make_critic()
        self.raw = system
        parameters = [p for p in system.parameters() if p.requires_grad]
        adam = {"lr": settings.lr, "weight_decay": settings.weight_decay, "betas": (0.9, 0.99)}
        self.system, self.optimizer = self.fabric.setup(system, torch.optim.AdamW(parameters, **adam))  # type: ignore[arg-type]
        self.judge, self.critic = critic, None  # the same weights, alone and as the loop trains them
        if critic is not None:
            optimizer = torch.optim.AdamW(critic.parameters(), lr=settings.discriminator_lr, betas=(0.5, 0.9))
            self.critic, self.critic_optimizer = self.fabric.setup(critic, optimizer)
        self.ema = Ema(system.deployed(), settings.ema) if settings.ema > 0 else None
        self.best: dict[str, Tensor] = copy.deepcopy(system.deployed().state_dict())
        self.outcome = Outcome()
        self.done = 0

    def learning_rate(self, step: int) -> float:
        """Linear warm-up, then a half cosine down to a twentieth."""
        if step < self.settings.warmup:
            return self.settings.lr * (step + 1) / self.settings.warmup
        share = (step - self.settings.warmup) / max(1, self.steps - self.settings.warmup)
        return self.settings.lr * (0.05 + 0.95 * 0.5 * (1.0 + math.cos(math.pi * min(share, 1.0))))

    def batch(self, step: int) -> Batch:
        """The batch of a step: each rank takes its own slice of the same draw."""
        generator = _generator(self.seed, "batch", step)
        size = min(self.settings.batch, len(self.train))
        index = torch.randperm(len(self.train), generator=generator)[:size]
        return self.train.take(index[self.fabric.global_rank :: self.fabric.world_size], self.fabric.device)

    def step(self, step: int) -> Losses:
        """One update of the system, then one of its discriminator."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate(step)
        batch, generator = self.batch(step), _generator(self.seed, "noise", step, self.fabric.global_rank)
        if self.judge is not None:
            self.judge.requires_grad_(False)
        losses = self.system(batch, generator, self.judge)
        total = self.raw.total(losses)
        if not torch.isfinite(total):
            names = ", ".join(n for n, v in losses.named.items() if not torch.isfinite(v))
            raise PipelineError(f"{self.describe}: loss is not finite at step {step} ({names}); lower training.lr")
        losses.named["total"] = total.detach()
        self.optimizer.zero_grad()
        self.fabric.backward(total)
        self.fabric.clip_gradients(self.system, self.optimizer, max_norm=self.settings.clip, error_if_nonfinite=False)
        self.optimizer.step()
        if self.ema is not None:
            self.ema.update()
        if self.judge is not None and self.critic is not None and losses.real is not None and losses.fake is not None:
            self.judge.requires_grad_(True)
            both = self.critic(torch.cat([losses.real, losses.fake])).logits
            half = len(losses.real)
            loss = self.judge.discriminator_loss([x[:half] for x in both], [x[half:] for x in both])  # type: ignore[operator]
            self.critic_optimizer.zero_grad()
            self.fabric.backward(loss)
            self.critic_optimizer.step()
            losses.named["discriminator"] = loss.detach()
        self.outcome.seconds_seen += len(batch["clean"]) * self.fabric.world_size * self.item_s
        return losses

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Mean losses over the dev split, with the same random draws every time, on the averaged weights where there
        are any; several passes where a system's losses are random.
        """
        self.raw.eval()
        sums: dict[str, float] = {}
        chunks = torch.arange(len(self.dev)).split(self.settings.batch) * self.raw.validation_passes
        with self.ema.applied() if self.ema is not None else nullcontext():
            for place, index in enumerate(chunks):
                losses = self.raw(self.dev.take(index, self.fabric.device), _generator(self.seed, "dev", place), None)
                values = losses.named | {"total": self.raw.total(losses)}
                for name, value in values.items():
                    share = len(index) / (len(self.dev) * self.raw.validation_passes)
                    sums[name] = sums.get(name, 0.0) + float(value) * share
        self.raw.train()
        return sums

    def record(self, step: int, train: dict[str, float]) -> None:
        """Validate, append a row for each split, keep the weights if they are the best yet.

        A run with a discriminator keeps its last weights instead: validation has no adversary, and choosing by what
        is left of the loss would undo what the perceptual term is there for.
        """
        dev = self.validate()
        self.outcome.rows.append({"step": step, "split": "train", **train})
        self.outcome.rows.append({"step": step, "split": "dev", **dev})
        if self.fabric.global_rank == 0:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.curves().to_csv(self.folder / "curves.tsv", sep="\t", index=False, float_format="%.6g")
        if self.critic is not None or dev["total"] < self.outcome.best_total:
            self.outcome.best_total, self.outcome.best_step = dev["total"], step
            with self.ema.applied() if self.ema is not None else nullcontext():
                self.best = {
                    name: value.detach().cpu().clone() for name, value in self.raw.deployed().state_dict().items()
                }

    def curves(self) -> pd.DataFrame:
        """Validation rows so far: step, split, total, then one column a named loss; what `watch.ipynb` follows."""
        table = pd.DataFrame(self.outcome.rows)
        first = ["step", "split", "total"]
        return table[[*first, *sorted(column for column in table.columns if column not in first)]]

    def save(self, sums: dict[str, float], count: int) -> None:
        """Write the resume state of the present step (rank 0)."""
        if self.fabric.global_rank:
            return
        tensors = {f"system/{k}": v for k, v in self.raw.state_dict().items()} | {
            f"best/{k}": v for k, v in self.best.items()
        }
        tensors |= flatten_optimizer("optimizer", self.optimizer)
        if self.ema is not None:
            tensors |= {f"ema/{k}": v for k, v in self.ema.state_dict().items()}
        if self.critic is not None:
            tensors |= {f"critic/{k}": v for k, v in self.critic.state_dict().items()}
            tensors |= flatten_optimizer("critic_optimizer", self.critic_optimizer)
        outcome = vars(self.outcome) | {"best_total": min(self.outcome.best_total, 1e30)}
        scalars = {"step": self.done, "outcome": outcome, "sums": sums, "count": count}
        Checkpoint({k: v.clone() for k, v in tensors.items()}, scalars).save(self.folder / RESUME)

    def load(self) -> tuple[dict[str, float], int]:
        """Take up the resume state if there is one; returns the running sums of training losses since the last
        validation.
        """
        path = self.folder / RESUME
        if not path.is_file():
            return {}, 0
        state = Checkpoint.load(path)

        def part(prefix: str) -> dict[str, Tensor]:
            return {k.removeprefix(prefix + "/"): v for k, v in state.tensors.items() if k.startswith(prefix + "/")}

        self.raw.load_state_dict(part("system"))
        self.best = part("best")
        restore_optimizer("optimizer", self.optimizer, state.tensors)
        if self.ema is not None:
            self.ema.load_state_dict(part("ema"))
        if self.critic is not None:
            self.critic.load_state_dict(part("critic"))
            restore_optimizer("critic_optimizer", self.critic_optimizer, state.tensors)
        self.outcome = Outcome(**state.scalars["outcome"])
        self.done = int(state.scalars["step"])
        return state.scalars["sums"], int(state.scalars["count"])

    def agreed(self, stop: bool) -> bool:
        """Whether any of the processes wants to stop; all of them must do so at the same step."""
        if self.fabric.world_size == 1:
            return stop
        wishes = self.fabric.all_reduce(torch.tensor(float(stop), device=self.fabric.device), reduce_op="sum")
        return bool(wishes > 0)  # type: ignore[operator]

    def run(self, stop: Callable[[], bool] = lambda: False) -> Outcome:
        """Train to the last step; `stop` is asked after every step and ends the run early, with its state saved, when
        it says so.
        """
        sums, count = self.load()
        started, before = time.monotonic(), self.outcome.wall_s
        quiet = True if self.fabric.global_rank else None
        bar = tqdm(total=self.steps, initial=self.done, desc=self.describe, disable=quiet, leave=False)
        self.raw.train()
        if self.done == 0:
            self.record(0, {})
        while self.done < self.steps:
            losses = self.step(self.done)
            self.done += 1
            for name, value in losses.named.items():
                sums[name] = sums.get(name, 0.0) + float(value.detach())
            count += 1
            bar.update()
            self.outcome.wall_s = before + time.monotonic() - started
            if self.done % self.settings.validate_every == 0 or self.done == self.steps:
                self.record(self.done, {name: value / count for name, value in sums.items()})
                bar.set_postfix(dev=f"{self.outcome.rows[-1]['total']:.4f}")
                sums, count = {}, 0
            stopping = self.agreed(stop())
            if self.done % self.settings.checkpoint_every == 0 or self.done == self.steps or stopping:
                self.save(sums, count)
            if stopping:
                break
        bar.close()
        return self.outcome
