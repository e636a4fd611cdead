"""/api/v1/doctor: what is the matter, and what to do about it."""

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from core.doctor.diagnosis import diagnose
from core.house import house

blueprint = Blueprint("doctor", __name__)


@blueprint.get("/doctor")
def get_doctor() -> ResponseReturnValue:
    """Tell what each check found: 200 also where that is bad, for it was found out.

    A sync view: broker and result backend may take seconds to answer.
    """
    return jsonify(diagnose(house()).view())
