"""Acts when imported: Carillon with the tasks example, to try it without copying it."""

from core import create_app

app = create_app(packages=("handlers", "schedules", "examples.tasks"))
celery = app.extensions["celery"]
