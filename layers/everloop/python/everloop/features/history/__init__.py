"""History features: one declaration, computed by DuckDB for training and from kept states for serving."""
