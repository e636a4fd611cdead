"""A shop that sells bells: what seeded ledgers are about. Serve them with this package: ``benchmarks.seed.app``."""
