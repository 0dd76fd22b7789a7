"""Blocks that several systems share."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ResidualBlock(nn.Module):
    """y = ReLU(LN2(x + Conv2(ReLU(LN1(Conv1 x))))): Eq. 5 of the ndpca paper in its parent's order (facts 1.2).

    Shape: (B, channels, T) to the same. Both normalisations run over channels and time together.
    """

    def __init__(self, channels: int, kernel: int = 3) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(channels, channels, kernel, padding=kernel // 2)
        self.norm1 = nn.GroupNorm(1, channels)
        self.conv2 = nn.Conv1d(channels, channels, kernel, padding=kernel // 2)
        self.norm2 = nn.GroupNorm(1, channels)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.norm1(self.conv1(x)))
        return torch.relu(self.norm2(x + self.conv2(h)))
