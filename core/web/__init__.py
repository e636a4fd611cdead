"""The HTTP side: the API, webhooks, health and the first page."""
