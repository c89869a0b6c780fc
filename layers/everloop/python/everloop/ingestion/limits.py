"""How large a delivery may be; a larger data set is uploaded as several files."""

MAXIMUM_FILE_BYTES = 256 * 2**20
MAXIMUM_UNPACKED_BYTES = 2**30
"""Both bounded by the function's disk, which holds the upload, its unpacked form and the staged rows."""
MAXIMUM_HEADER_BYTES = 2**20
MAXIMUM_COLUMNS = 1_000
