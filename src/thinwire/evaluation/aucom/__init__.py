"""Measuring AUCOM: rates, server-side tasks, enhancement, compared systems, complexity."""
