"""Measurements (``make bench``), compared as ratios within one run. Not tests: figures depend on the machine."""
