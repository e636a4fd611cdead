"""How each system is set up: the commands and settings that its own guide advises."""

from benchmarks.bench.systems import Ours, Peer

CELERY_APP = "benchmarks.bench.peers.celery_app"
WORKER = f"celery -q -A {CELERY_APP} worker --without-mingle --without-gossip --without-heartbeat"


def _celery(name: str, way: str, more: str = "") -> Peer:
    return Peer(name, "celery", CELERY_APP, f"{WORKER} -n {{number}}@bench {more}", way=way)


def _peer(name: str, work: str) -> Peer:
    kind = name.split(maxsplit=1)[0].lower()
    return Peer(name, kind, f"benchmarks.bench.peers.{kind}_app", work)


DELAY, RESULTS, HELD = (
    _celery("Celery", ""),
    _celery("Celery, results kept", "results"),
    _celery("Celery, tuned", "tuned"),
)
PREFORK = _celery("Celery prefork -c2", "late", "-P prefork -c 2")
THREADS = _celery("Celery threads -c100", "tuned", "-P threads -c 100")
FLASK = Peer(
    "Flask, gunicorn gthread 2x8", "flask", CELERY_APP, way="tuned",
    serve="gunicorn -k gthread --workers 2 --threads 8 -b 127.0.0.1:{port} benchmarks.bench.peers.flask_app:web",
)  # fmt: skip
FASTAPI = Peer(
    "FastAPI, uvicorn x2", "fastapi", CELERY_APP, way="tuned",
    serve="uvicorn --workers 2 --no-access-log --port {port} benchmarks.bench.peers.fastapi_app:web",
)  # fmt: skip
DRAMATIQ = _peer("Dramatiq 2x8", "dramatiq --processes 2 --threads 8 benchmarks.bench.peers.dramatiq_app")
ARQ_APP = "benchmarks.bench.peers.arq_app"
ARQ = _peer("arq", f"arq {ARQ_APP}.WorkerSettings --custom-log-dict {ARQ_APP}.QUIET")
SAQ = _peer("saq", "saq benchmarks.bench.peers.saq_app.settings")
TASKIQ = _peer(
    "taskiq",
    "taskiq worker benchmarks.bench.peers.taskiq_app:broker --workers 1 --max-async-tasks 1000 --log-level WARNING",
)
OURS, ASYNC = Ours(), Ours("ours, async def")
ROOMY = Ours(settings={"ASYNC_CONCURRENCY": "10000"})
SHORT, LONG = Ours("ours, of 10,000"), Ours("ours, of 1,000,000")
