"""How fast and how large: `python -m benchmarks`, or `thinwire bench`, writes reports/benchmarks.json."""
