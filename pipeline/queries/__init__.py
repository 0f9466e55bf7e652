"""Queries: the answers of the API, one question a file, from the report, the rollups and single VM windows.

Every query takes a ``View``: who asks, when, and by which rules. What a caller may not see is decided here, by
domain.access and domain.disclosure, and nowhere else. The types of an answer are in the same file as its question.
"""
