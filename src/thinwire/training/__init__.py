"""One training loop for all systems."""
