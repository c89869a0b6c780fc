"""Pydantic models of everything that crosses a border: definitions, requests, events, manifests."""
