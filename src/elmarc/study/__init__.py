"""A study: what is asked (spec, request, plan), its cells, the tasks of each, and the loop that runs them."""
