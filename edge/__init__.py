"""The programs at the edge: the agent on each VM and the SPOC on each tenant's manager machine.

They know the domain and nothing else of ours: what they share with the cloud is the wire format.
"""
