"""Answering requests: validate rows, score them with the champion, fall back, log."""
