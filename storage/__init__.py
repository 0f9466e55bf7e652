"""Where documents are kept: the documents port, its adapters, and the tables built on it.

``documents`` is the port; ``sqlite`` and ``cosmos`` are its adapters; ``schema`` names the tables; ``tables`` turns the
domain's values into documents and back. Everything above sees ``tables`` only.
"""
