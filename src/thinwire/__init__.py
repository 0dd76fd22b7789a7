"""thinwire: speech over a thin wire. Four papers on learned speech compression, rebuilt and put on one bench."""

import os

__version__ = "0.1.0"

# ONNX Runtime, which torchmetrics imports too, else writes what it did into the home folder and sends it to its makers,
# from a thread of its own.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
