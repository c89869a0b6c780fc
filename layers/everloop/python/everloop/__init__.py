"""Everloop: continuous machine learning for tabular problems, serverless on AWS and whole on a laptop."""

__version__ = "0.1.0"
