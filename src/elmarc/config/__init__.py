"""Configurations: a file -> checked values; below `experiments/build.py` nobody knows of them."""
