"""Acts when imported: the Flask app and the Celery app that the Procfile names."""

import sys

from core.app import create_app
from core.errors import CoreError
from core.house import house
from core.leaving import before_kill
from core.log import configure
from core.warming import warm

configure()
try:
    app = create_app()
except CoreError as error:
    sys.exit(f"Carillon cannot start. {error}")
before_kill(house(app).loop.cancel)
celery = app.extensions["celery"]
if "granian" in sys.modules:  # this is one of its workers, which serve the web; it never forks them again
    warm(app)
