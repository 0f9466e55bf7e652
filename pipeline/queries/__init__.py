"""Queries: the answers of the API, one question a file, from the report, the rollups and single VM windows.

Every query takes a ``View``: who asks, when, and by which rules. What a caller may not see is decided here, by
domain.access and domain.disclosure, and nowhere else. Types of an answer stand with its question.
"""
