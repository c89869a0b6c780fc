"""Keeping the histories of entities where predictions read them."""
