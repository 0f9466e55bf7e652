"""The API over HTTP: what all endpoints share, and one file a feature with its parameters and its routes."""
