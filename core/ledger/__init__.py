"""The durable record of events and runs in Redis: the only truth."""
