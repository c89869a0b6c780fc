"""From accepted batches to a candidate with evidence for and against it."""
