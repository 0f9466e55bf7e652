"""Any bytes as a message: what must hold (checks.py), a search for bytes for which it does not (``make fuzz``), and
the bytes that the search has found worth keeping (corpus)."""
