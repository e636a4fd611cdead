"""Plain Celery tasks inside Carillon: started from a page, polled through the API, shown with their progress."""

from .views import blueprint as blueprint
