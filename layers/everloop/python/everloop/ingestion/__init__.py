"""From an uploaded file, whatever its format, to rows of text in the lake."""
