"""How training rows are cut for the search, and what each class needs: whoever drafts a definition foresees it."""

PARTS = 5
"""The training rows are cut into this many parts, oldest first."""
FOLDS = 3
"""How many of the last parts are scored, each by a fit on all parts before it."""
MINIMUM_CLASS_ROWS = 5
"""Of each class, in the oldest rows that trials fit on: fewer teach nothing and break the search's split."""
