"""Task- and perception-aware distributed source coding of correlated speech (neural distributed PCA)."""
