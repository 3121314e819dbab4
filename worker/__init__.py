"""The worker on the licensed host: it claims jobs, scores them on its seats and commits their results."""
