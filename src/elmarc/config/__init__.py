"""Configurations: a file -> checked values; below `study/build.py` nobody knows of them."""
