"""Everloop on this machine: the embedded cloud and the command line."""
