"""The loop living through the flights of 2013."""
