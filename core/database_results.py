"""Celery's result backend for databases, where the error of a task is kept whatever its text holds."""

from typing import Any

from celery.backends.database import DatabaseBackend

NUL, ITS_SYMBOL = "\0", "\N{SYMBOL FOR NULL}"


class Backend(DatabaseBackend):
    """Keeps results in tables."""

    def _store_result(self, task_id: str, result: Any, state: str, traceback: Any = None, **options: Any) -> Any:
        """Store a result. PostgreSQL has no NUL in a text, so a traceback with one would be refused, for ever."""
        shown = traceback.replace(NUL, ITS_SYMBOL) if isinstance(traceback, str) else traceback
        return super()._store_result(task_id, result, state, traceback=shown, **options)
