"""Where evaluation leaves what it measured, relative to the repository."""

from __future__ import annotations

from pathlib import Path

RESULTS = Path("results")
METRICS = Path("reports/metrics")
