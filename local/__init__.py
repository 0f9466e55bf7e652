"""Runs the function app on one machine without Azure: a development host, a folder as a queue, and a sample fleet.

Only for development and for trying out the app: one process, no keys by default, no scaling. No other package imports
this one.
"""
