"""Images to grammars: templates, their deformation priors, Or-alternatives."""
