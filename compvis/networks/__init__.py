"""Networks and how they are trained: what the recognition of grammars and the baselines share."""
