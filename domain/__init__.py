"""What the system means by its words: samples, minutes, windows, partials, rollups, report rows, queries.

Pure: functions take values and return values. Nothing here knows a clock, a store, a queue, a network, an SDK or the
environment, and nothing here logs; facts (what was accepted, what was refused and why) are returned to the caller.
"""
