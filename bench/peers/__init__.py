"""Mosaic beside its peers, doing the same jobs from queues of the same settings in the same cloud, on as many seats.

One module a peer. These run in an environment of their own, so they and all that they import (`command`, `place`,
`work`) need nothing else of Mosaic's.
"""
