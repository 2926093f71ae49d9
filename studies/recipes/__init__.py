"""How recipe v2 was chosen, what lower precision costs in accuracy, and what each part of `mixed` adds."""
