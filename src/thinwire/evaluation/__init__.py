"""Measuring trained models on test items."""
