"""The tools around the DVC graph: notebooks, presets, why, prune, parallel repro, doctor, reports."""
