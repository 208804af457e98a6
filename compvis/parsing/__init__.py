"""Images to parse trees: propose, search, refine."""
