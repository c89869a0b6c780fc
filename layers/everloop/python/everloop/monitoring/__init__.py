"""Watching a model: its prediction log, drift of its inputs, its performance, and what follows from them."""
