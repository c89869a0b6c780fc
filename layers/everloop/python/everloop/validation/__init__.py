"""From rows of text to typed rows: each value judged by the definition, no row lost."""
