"""The front door: its names, events, markers; and what boot finds in a user's folders."""

import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import Field, ValidationError

import core
from core import Event, cron, every, on, task
from core.declare import notes
from core.errors import DeclarationError, InvalidEvent
from core.events import matches, validated
from core.loader import load

CORE = Path(core.__file__).parent

GUARDED = """
import importlib, socket, sys, threading

def refuse(*_, **__):
    raise AssertionError("opened a socket")

socket.socket.connect = socket.socket.bind = socket.getaddrinfo = refuse
threading.Thread.start = lambda self: sys.exit(f"{room} started {self.name}")
for room in sys.argv[1:]:
    importlib.import_module(room)
"""


class TestNames:
    def test_vars_minus_rooms_is_all(self):
        rooms = {path.stem for path in CORE.iterdir() if not path.name.startswith("__")}
        public = {name for name in vars(core) if not name.startswith("_")} | {"create_app"}  # made when asked for
        assert public - rooms == set(core.__all__)
        assert all(getattr(core, name) for name in core.__all__)
        assert core.__all__ == sorted(core.__all__)

    def test_no_file_bears_a_name_of_the_front_door(self):
        assert not {path.stem for path in CORE.rglob("*")} & set(core.__all__)

    def test_importing_any_room_but_main_opens_no_socket_and_starts_no_thread(self):
        paths = [path.relative_to(CORE.parent).with_suffix("") for path in CORE.rglob("*.py")]
        rooms = sorted(".".join(path.parts) for path in paths if path.name not in ("main", "__main__"))
        assert len(rooms) > 50
        words = [sys.executable, "-c", GUARDED, *rooms]
        found = subprocess.run(words, cwd=CORE.parent, capture_output=True, text=True, timeout=60, check=False)
        assert (found.returncode, found.stderr) == (0, "")


class Placed(Event, type="order.placed"):
    order_id: int
    email: str = ""


class TestEvent:
    @pytest.mark.parametrize("type_", ["order.placed", "a", "A1", "com.example/x:y-z_1", "x" * 128])
    def test_types(self, type_):
        assert type("X", (Event,), {}, type=type_).type == type_

    @pytest.mark.parametrize("type_", [".a", "a b", "a\n", "ä", "github.*", "x" * 129, "-a", 5, ["a"]])
    def test_types_that_are_none(self, type_):
        with pytest.raises(DeclarationError, match=r"test_front_door\..*type=.* is no event type"):
            type("X", (Event,), {"__module__": __name__}, type=type_)
        with pytest.raises(DeclarationError, match="is no event type"):
            type("X", (Event,), {"type": type_})

    @pytest.mark.parametrize("name", ["data", "signal", "type"])
    def test_reserved_fields(self, name):
        with pytest.raises(DeclarationError, match=f"test_front_door.*a field cannot be called {name}"):
            type("X", (Event,), {"__module__": __name__, "__annotations__": {name: str}}, type="x")

    def test_a_class_without_a_type_is_a_base_for_others(self):
        class Order(Event):
            order_id: int

        class Paid(Order, type="order.paid"):
            pass

        class Later(Paid):
            pass

        assert (Order.type, Paid.type, Later.type) == ("", "order.paid", "")
        assert len({Event.signal, Order.signal, Paid.signal, Later.signal}) == 4
        assert Paid(order_id="7").data == {"order_id": 7}

    def test_it_is_frozen_and_refuses_unknown_fields(self):
        event = Placed(order_id=7)
        with pytest.raises(ValidationError, match="frozen"):
            event.order_id = 8
        with pytest.raises(ValidationError, match="Extra inputs"):
            Placed(order_id=7, emial="x")
        with pytest.raises(ValidationError):
            Placed()

    def test_an_event_known_by_its_type_alone(self):
        event = Event(type="github.push", data={"n": 1, "at": Path("x")})
        assert (event.type, event.data) == ("github.push", {"n": 1, "at": "x"})
        assert isinstance(event, Event)
        assert event == Event(type="github.push", data={"n": 1, "at": "x"}) != Event(type="github.push")
        assert repr(event) == "AnyEvent(type='github.push', data={'n': 1, 'at': 'x'})"
        assert Event(type="x").data == {}

    def test_aliases_come_back(self):
        class Aliased(Event, type="aliased"):
            order_id: int = Field(alias="orderId")

        assert validated(Aliased, Aliased(orderId=7).data) == validated(Aliased, {"orderId": 7})

    def test_pointers_to_what_does_not_fit(self):
        with pytest.raises(InvalidEvent) as caught:
            validated(Placed, {"order_id": "x", "a/b~c": 1})
        assert {error["pointer"] for error in caught.value.errors} == {"/data/order_id", "/data/a~1b~0c"}
        with pytest.raises(InvalidEvent) as caught:
            validated(Placed, ["order_id"])
        assert [error["pointer"] for error in caught.value.errors] == ["/data"]

    def test_a_worker_reads_what_a_newer_release_wrote_and_nothing_worse(self):
        assert validated(Placed, {"order_id": 7, "new": 1}, lenient=True) == Placed(order_id=7)
        with pytest.raises(InvalidEvent, match="order_id"):
            validated(Placed, {"order_id": "x", "new": 1}, lenient=True)

    def test_patterns(self):
        assert matches("github.*", "github.issues.opened")
        assert matches("*", "x")
        assert not matches("github.*", "github")
        assert not matches("order.placed", "order.placed.x")
        assert not matches("order?placed", "order.placed")


class TestMarkers:
    def test_they_note_and_the_function_stays_itself(self):
        def send(event: Placed) -> int:
            return event.order_id

        before = (send.__code__, send.__name__, inspect.signature(send))
        for marker in (on(Placed, retries=3), every(minutes=5), cron("0 7 * * *"), task(name="x")):
            assert marker(send) is send
        assert (send.__code__, send.__name__, inspect.signature(send)) == before
        assert send(Placed(order_id=7)) == 7
        assert [note.marker for note in notes(send)] == ["on", "every", "cron", "task"]
        assert notes(send)[0].options == {"retries": 3}

    def test_importing_a_users_module_has_no_effect(self, package):
        signals = (dict(Event.signal.receivers), dict(Placed.signal.receivers))
        name = package(subject="from core import *\n@on('x.*')\ndef f(event): ...\n@every(minutes=1)\ndef g(): ...")
        importlib.import_module(f"{name}.subject")
        assert (dict(Event.signal.receivers), dict(Placed.signal.receivers)) == signals


WEB = """
from flask import Blueprint
shop = Blueprint('shop', __name__)

@shop.get('/shop')
def show():
    return 'open'
"""


class TestWhatIsFound:
    def test_nested_packages_setup_and_blueprints(self, make_app, package, tmp_path, server_url):
        name = package(
            init="def setup(app):\n    app.extensions['told'] = 'by setup'",
            web=WEB,
            other="from core import *\n@on('x.*')\ndef send(event): ...\nsame = send",
        )
        (tmp_path / name / "deep" / "deeper").mkdir(parents=True)
        (tmp_path / name / "static").mkdir()
        (tmp_path / name / "deep" / "__init__.py").write_text("def setup(app):\n    raise AssertionError('not mine')")
        (tmp_path / name / "deep" / "deeper" / "__init__.py").write_text("")
        (tmp_path / name / "deep" / "deeper" / "down.py").write_text(
            f"from {name}.web import shop\nfrom {name}.other import send\nfrom core import *\n@task()\ndef dig(): ..."
        )
        (tmp_path / name / "__main__.py").write_text("raise AssertionError('imported')")
        catalog = load((name,))
        assert set(catalog.tasks) == {f"{name}.other.send", f"{name}.deep.deeper.down.dig"}
        assert [blueprint.name for blueprint in catalog.blueprints] == ["shop"]
        with core.testing.application(server_url, packages=(name,), prefix=name) as app:
            assert app.extensions["told"] == "by setup"
            assert app.test_client().get("/shop").text == "open"

    def test_setup_of_a_package_with_dots_in_its_name(self, package, tmp_path):
        name = package()
        (tmp_path / name / "work").mkdir()
        (tmp_path / name / "work" / "__init__.py").write_text("def setup(app): ...")
        assert len(load((f"{name}.work",)).setups) == 1

    def test_names_of_blueprints_are_the_users(self, make_app):
        names = ["api", "webhooks", "health", "home", "events", "runs", "hooks"]
        lines = [f"{name} = Blueprint('{name}', __name__, url_prefix='/my/{name}')" for name in names]
        app = make_app("\n".join(["from flask import Blueprint", *lines]))
        assert set(names) <= set(app.blueprints)

    def test_a_nested_blueprint_stays_behind_its_parents_guard(self, make_app):
        app = make_app("""
            from flask import Blueprint, abort
            child = Blueprint("child", __name__)
            parent = Blueprint("parent", __name__, url_prefix="/parent")
            parent.register_blueprint(child)
            @parent.before_request
            def guard(): abort(403)
        """)
        assert set(app.blueprints) >= {"parent", "parent.child"}
        assert "child" not in app.blueprints
