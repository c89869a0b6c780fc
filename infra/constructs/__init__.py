"""The parts the stacks are made of, without a word of business logic."""
