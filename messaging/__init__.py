"""What speaks to queues: ports, their adapters. Knows no table and no pipeline."""
