"""Parse trees: the one structure that every room speaks."""
