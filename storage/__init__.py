"""The store: the documents port, its adapters, and the tables built on it.

``documents`` is the port. ``sqlite`` and ``cosmos`` are its adapters. ``schema`` names the tables. ``tables`` converts
the domain's values to documents and back. The code above this package uses ``tables`` only.
"""
