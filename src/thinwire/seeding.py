"""Seeds: every source of chance in a stage is derived from `seed` in `params.yaml` and a name."""

from __future__ import annotations

import hashlib
import random

import numpy as np


def derive_seed(seed: int, *names: object) -> int:
    """A 32-bit seed that depends on the base seed and on names, stable over machines and Python versions."""
    text = "/".join([str(seed), *map(str, names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "little")


def rng(seed: int, *names: object) -> np.random.Generator:
    """A NumPy generator for `derive_seed(seed, *names)`."""
    return np.random.default_rng(derive_seed(seed, *names))


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and torch, and ask torch for deterministic kernels."""
    import torch

    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
    # what use_deterministic_algorithms does, without loading the compiler to tell it too, which takes a second
    torch.set_deterministic_debug_mode("warn")
