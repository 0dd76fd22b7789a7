"""Measuring neural distributed source coding on test items: gradients in use, and speech."""
