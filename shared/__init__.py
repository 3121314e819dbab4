"""The contract that the API and the worker share: jobs, their store, keys, messages, the WAV header check."""
