"""The API over HTTP: code that all endpoints share, and one file per feature with its parameters and routes."""
