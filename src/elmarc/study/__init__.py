"""A configuration -> a run: objects built, cells run and resumed, results recorded."""
