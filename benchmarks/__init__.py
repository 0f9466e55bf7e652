"""Measurements, as ratios in one run (``make bench``). Nothing here is a test; the numbers depend on the machine."""
