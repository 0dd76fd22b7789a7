"""Plots in one style, used by the notebooks: one module an idea, no training and no globbing here."""
