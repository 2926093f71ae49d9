"""Does elmarc survive kills, long runs and damaged inputs?"""
