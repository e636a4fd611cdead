"""/dashboard/doctor: what is the matter, and what to do about it."""

from flask import Blueprint, Response

from core.dashboard import shell
from core.doctor.diagnosis import diagnose
from core.doctor.facts import LEVELS
from core.house import house

blueprint = Blueprint("doctor", __name__)


@blueprint.get("/doctor")
def get_doctor() -> Response:
    """Show what each check found, the worst first."""
    found = diagnose(house())
    findings = sorted(found.findings, key=lambda one: -LEVELS.index(one.level))
    return shell.show("doctor.html", found=found, findings=findings)
