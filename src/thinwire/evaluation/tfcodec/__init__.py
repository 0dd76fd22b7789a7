"""Measuring TF-Codec on test items: quality, rates, latents, talkers, phonemes, packet loss, and codecs in use."""
