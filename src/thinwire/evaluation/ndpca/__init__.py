"""Measuring the distributed coder: sweeps over bandwidth, allocation, perception, bits, looks and sounds."""
