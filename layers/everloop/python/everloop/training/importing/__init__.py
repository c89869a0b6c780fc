"""A model that was trained elsewhere becomes a candidate: opened, matched, wrapped, and compared."""
