"""Studies behind the documentation; not installed."""
