"""One reader for each format: what its columns are, and the SQL that reads its rows."""
