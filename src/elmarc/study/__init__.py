"""A study: what is wanted (request, plan, spec), its cells, their tasks, and the loop that runs them."""
