"""The comparison's report: one section a question, each drawn from run records alone."""
