"""The four stacks; each reads as one sentence about the loop."""
