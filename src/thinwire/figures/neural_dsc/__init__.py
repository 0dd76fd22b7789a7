"""Figures and verdicts of the notebooks on neural distributed source coding."""
