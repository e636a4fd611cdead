"""The HTTP side: the API, webhooks and health."""
