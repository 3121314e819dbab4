"""Mosaic beside its peers, doing the same jobs on as many seats, from queues that hide messages for as long.

One module a peer. These run in an environment of their own, so they and all that they import (`command`, `place`,
`work`) need nothing else of Mosaic's.
"""
