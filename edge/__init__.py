"""The programs at the edge: the agent on each VM, and the tenant's collector (SPOC) on each tenant's manager machine.

They use the domain package and no other package of the app. They share only the wire format with the cloud.
"""
