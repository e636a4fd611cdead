"""Ledgers as large as one likes, in their true format: for load tests, browser tests and a look at the pages."""

PACKAGES = ("handlers", "schedules", "benchmarks.seed.shop")  # what seeded ledgers are about
