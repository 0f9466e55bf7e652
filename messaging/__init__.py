"""Ports to queues, and their adapters. Knows no tables and no pipeline."""
