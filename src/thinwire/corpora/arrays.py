"""Segment folders of what is no audio: `segments.parquet`, one row an item, arrays of the items in an NPZ file, and
`report.json`.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from thinwire.artifacts import write_json
from thinwire.errors import PipelineError


def write_arrays(
    folder: Path, corpus: str, table: pd.DataFrame, arrays: Mapping[str, np.ndarray], skipped: Mapping[str, int]
) -> None:
    """Write a table (n rows, with `segment_id` and `split`) and named arrays (n, ...) into `folder`; equal arguments
    give equal bytes.
    """
    table = table.assign(corpus=corpus)
    table.to_parquet(folder / "segments.parquet", index=False)
    with (folder / f"{corpus}.npz").open("wb") as stream:
        np.savez(stream, **dict(arrays))  # type: ignore[arg-type]
    splits = table["split"].value_counts().sort_index().to_dict()
    report = {"corpus": corpus, "segments": len(table), "splits": splits, "skipped": dict(skipped)}
    write_json(folder / "report.json", report)


def read_arrays(folder: Path, corpus: str) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """What `write_arrays` wrote; raises PipelineError where it is missing or its lengths differ."""
    paths = folder / "segments.parquet", folder / f"{corpus}.npz"
    for path in paths:
        if not path.is_file():
            raise PipelineError(f"{path}: not there; run `dvc repro` or `thinwire extract {corpus}`")
    table = pd.read_parquet(paths[0])
    try:
        with np.load(paths[1], allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise PipelineError(f"{paths[1]}: not an NPZ file ({error}); delete it and extract {corpus} again") from error
    if wrong := [name for name, values in arrays.items() if len(values) != len(table)]:
        raise PipelineError(
            f"{paths[1]}: {wrong[0]} has {len(arrays[wrong[0]])} items, the table {len(table)}; extract {corpus} again"
        )
    return table, arrays
