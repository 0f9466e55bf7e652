"""The triggers of the function app, one file a family: decode the trigger, call the pipeline, encode the answer.

``services`` builds what the functions share, at first use; ``settings`` is the one typed object read from the
environment; ``parameters`` and ``answers`` are the edge of the API. Importing any of it reads no environment and opens
no connection.
"""
