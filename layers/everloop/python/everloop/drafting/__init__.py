"""From a file to a definition: what a person would write who had looked at every column."""
