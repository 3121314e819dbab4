"""What the host does with samples before a seat is spent: `prepare`, measures, advice. Pure: local files and arrays."""
