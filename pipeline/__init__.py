"""The steps of the way of a number, as async functions over the tables: ingest, averaging, queries.

Each takes the tables, its input and the time, and returns facts. Nothing here knows Azure Functions, HTTP or settings.
"""
