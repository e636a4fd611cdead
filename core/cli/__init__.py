"""Flask commands: what an operator types."""
