"""A workspace in which a score network and a few coders are trained and measured, once for all tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_workspace import inside, make_workspace, train_in

EVALUATED = ["aware", "plain"]


@pytest.fixture(scope="session")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workspace, with results/<run> and data/channel of the runs in EVALUATED, and results of the score network."""
    from thinwire.evaluation.ndpca.stage import evaluate, follow_channel

    folder = make_workspace(tmp_path_factory.mktemp("measured") / "workspace", samples=8000)
    for name in ("score", *EVALUATED):
        train_in(folder, name)
        with inside(folder) as params:
            evaluate(params, name)
            if name in EVALUATED:
                follow_channel(params, name)
    return folder
