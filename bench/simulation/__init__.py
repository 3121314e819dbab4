"""The service in simulated time: how long jobs wait, and how many seats and hosts a day's load takes.

`python -m bench.simulation` answers an owner's questions and draws the answers. The model is the worker's own rules
(places, prefetch, whose turn it is, what becomes of a dead worker's jobs), no more; `python -m bench.validation`
compares it with the worker itself.
"""
