"""And-Or grammars: rules, priors, the generative Pyro program and its batched score."""
