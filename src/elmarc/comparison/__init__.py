"""Which system is better, and how sure one can be: computed once from results, then handed on."""
