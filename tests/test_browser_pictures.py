"""Pictures of every page: small ones, and with PICTURES=1 those of the documentation."""

import os

import pytest
from all_pages import MISSING, paths
from looks import LARGEST, PICTURES, shot


@pytest.mark.parametrize(("width", "dark"), [(1440, False), (1440, True), (390, False), (390, True)])
def test_pictures_of_every_page_are_made(site, locked_site, visit, tmp_path, width, dark):
    folder = PICTURES if os.environ.get("PICTURES") else tmp_path
    for name, path in paths(site).items():
        page = visit(site, path, width=width, dark=dark, allow=MISSING)
        assert 3_000 < shot(page, name, dark=dark, folder=folder).stat().st_size < LARGEST, name
        page.context.close()
    shot(visit(locked_site, "/", width=width, dark=dark), "login", dark=dark, folder=folder)
