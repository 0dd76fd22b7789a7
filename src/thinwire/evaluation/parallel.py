"""A map over test items, on this machine's processes or on a Dask cluster, with the results of a plain loop."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from joblib import Parallel, delayed, parallel_config

from thinwire.errors import PipelineError


def over_items(
    function: Callable[..., Any], items: Iterable[tuple[Any, ...]], jobs: int, scheduler: str | None
) -> list[Any]:
    """`[function(*item) for item in items]`, by `jobs` processes or by the Dask cluster at address `scheduler`.

    Raises PipelineError when a scheduler is given and Dask is not installed.
    """
    calls = [delayed(function)(*item) for item in items]
    if scheduler is None:
        return Parallel(n_jobs=jobs)(calls)
    try:
        from distributed import Client
    except ImportError as error:
        raise PipelineError(f"scheduler {scheduler}: Dask is not installed; `pip install -e .[cluster]`") from error
    with Client(scheduler), parallel_config(backend="dask"):
        return Parallel()(calls)
