"""Templates whose every name is given: a name that no page passes fails the test instead of reading as false."""

from flask import Flask
from jinja2 import Undefined
from jinja2.utils import missing


class Given(Undefined):
    """What was looked up in vain: a row may lack a member, a page no name."""

    __slots__ = ()

    def __bool__(self):
        return bool(self._of_row(super().__bool__))

    def __str__(self):
        return self._of_row(super().__str__)

    def __iter__(self):
        return self._of_row(super().__iter__)

    def _of_row(self, read):
        return self._fail_with_undefined_error() if self._undefined_obj is missing else read()


def be_strict() -> None:
    """Have all applications made from now on be strict about the names in their templates."""
    Flask.jinja_options = {"undefined": Given}
