"""Latent-domain predictive neural speech coding (TF-Codec): a causal codec of 0.256 to 6 kbps."""
