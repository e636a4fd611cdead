"""The application with the shop: ``granian --interface wsgi benchmarks.seed.app:app`` shows a seeded ledger."""

from benchmarks.seed import PACKAGES
from core.app import create_app

app = create_app(packages=PACKAGES)
