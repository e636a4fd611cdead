"""Acts when imported: the Flask app and the Celery app that the Procfile names."""

import sys

from core.app import create_app
from core.errors import CoreError
from core.log import configure
from core.warming import warm

configure()
try:
    app = create_app()
except CoreError as error:
    sys.exit(f"Carillon cannot start. {error}")
celery = app.extensions["celery"]
if "granian" in sys.modules:  # this is one of its workers, which serve the web; it never forks them again
    warm(app)
