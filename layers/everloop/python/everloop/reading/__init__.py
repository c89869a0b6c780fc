"""From a file of any format to a table that SQL can read: what it is, how it is packed, how its texts are meant."""
