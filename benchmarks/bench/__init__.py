"""Throughput and latency of this project beside what people would pick instead."""
