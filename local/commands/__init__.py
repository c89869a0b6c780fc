"""The commands of `everloop`, by what they are about; local/cli.py lists them."""
