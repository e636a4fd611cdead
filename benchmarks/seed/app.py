"""The application with the shop: ``granian --interface wsgi benchmarks.seed.app:app`` shows a seeded ledger."""

from core.app import create_app

PACKAGES = ("handlers", "schedules", "benchmarks.seed.shop")

app = create_app(packages=PACKAGES)
