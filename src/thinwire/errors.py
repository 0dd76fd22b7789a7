"""The errors that people see: one line that says what was found, where, and what to do."""

from __future__ import annotations


class ThinwireError(Exception):
    """Base of every error that is meant for a person; the command line prints its text and exits with 2."""


class ParamError(ThinwireError):
    """A key or value in `params.yaml` (or a preset) that cannot be used."""


class CorpusError(ThinwireError):
    """A corpus folder, annotation or audio file that cannot be used."""


class BitstreamError(ThinwireError, ValueError):
    """Bytes that are damaged, truncated, of another version, or of another model."""


class CheckpointError(ThinwireError):
    """Weights or resume state that do not fit the model or run they are loaded for."""


class PipelineError(ThinwireError):
    """A stage, notebook or report that cannot be made."""
