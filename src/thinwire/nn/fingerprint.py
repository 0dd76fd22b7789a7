"""The name of a model's weights, which its bitstreams carry."""

from __future__ import annotations

import hashlib

import numpy as np
from torch import nn


def model_fingerprint(module: nn.Module, *arrays: np.ndarray) -> str:
    """Sixteen hex digits of a model's weights and buffers and of further arrays that its decoder needs."""
    digest = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]
