"""elmarc as other people's benchmarks want it: HEAR, X-ARES and MTEB. Each is an extra of its own."""
