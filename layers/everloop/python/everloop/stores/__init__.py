"""The layout of the buckets: which key holds what, over the ObjectStore port."""
