"""`python -m benchmarks [--quick] [--out FILE]`, in the repository's root."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.measurement import Scale
from benchmarks.runner import REPORT, lines, measure, write
from thinwire.params import load_params


def main(quick: bool, out: Path) -> None:
    """Measure, write the report, print it."""
    result = measure(load_params(), Scale.quick() if quick else Scale())
    write(result, out)
    print("\n".join(lines(result)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure speed and memory.")
    parser.add_argument("--quick", action="store_true", help="few repetitions: only a look whether all can be measured")
    parser.add_argument("--out", type=Path, default=REPORT)
    arguments = parser.parse_args()
    main(arguments.quick, arguments.out)
