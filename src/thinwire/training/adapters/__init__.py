"""One adapter a system: its data, its model and what its evaluation needs, in the training loop's terms."""
