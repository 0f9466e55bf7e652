"""The programs at the edge: the agent on each VM, and the tenant's collector (SPOC) on each tenant's manager machine.

They use the domain package and no other package of the app. They share only the wire format with the cloud.
"""

VERSION = "1.0.0"
"""The version of the programs and of their packages. Nothing else says it. Windows compares these three numbers."""
