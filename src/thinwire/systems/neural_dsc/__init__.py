"""Neural distributed source coding: a conditional VQ-VAE with side information at the decoder only, and a prior over
its indices."""
