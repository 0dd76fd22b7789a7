"""The uplink: capacity traces and the budget in floats that they allow."""

from thinwire.channel.capacity import (
    CapacityTrace,
    budget,
    fading_trace,
    per_second,
    rate_distortion,
    read_trace,
    source_rate,
)

__all__ = ["CapacityTrace", "budget", "fading_trace", "per_second", "rate_distortion", "read_trace", "source_rate"]
