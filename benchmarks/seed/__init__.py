"""Ledgers as large as one likes, in their true format: for load tests, browser tests and a look at the pages."""
