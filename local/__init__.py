"""Runs the function app on one machine with no Azure: a development host, a folder for a queue, and a sample fleet.

For development and for trying it out only: one process, no keys, no scale. Nothing else imports this package.
"""
