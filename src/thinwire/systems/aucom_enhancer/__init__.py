"""Speech enhancement before compression (AUComSENNet): magnitude mask and phase, Performers, metric discriminator."""
