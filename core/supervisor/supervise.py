"""The whole of `make run`, in the order in which it happens."""

import asyncio
import shlex
import signal
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from core import embedded
from core.config import Config
from core.errors import CoreError, LedgerUnavailable
from core.supervisor import environment, groups, leftovers, problems, procfile, readiness, reload
from core.supervisor.keeper import Keeper
from core.supervisor.process import Place, ending, run_to_end
from core.supervisor.record import Record, only_one
from core.supervisor.screen import Screen

CHECK = f'{shlex.quote(sys.executable)} -c "import core.main"'
SERVER = "valkey"


class Supervisor:
    """Runs the Procfile of *root*. *check* is the command that tells whether changed code can run."""

    def __init__(self, root: Path, environ: Mapping[str, str], *, check: str = CHECK) -> None:
        self.root = root.resolve()
        self.data = self.root / ".data"
        self.given = environ
        self.check = check
        self.screen = Screen.for_person(environ)
        self.record = Record(self.data / "run.json")
        self.stopping = asyncio.Event()
        self.keepers: list[Keeper] = []

    async def run(self) -> int:
        """Run until a signal says stop; return the exit code."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, self._on_signal, number)
        story = asyncio.create_task(self._serve())
        stop = asyncio.create_task(self.stopping.wait())
        await asyncio.wait({story, stop}, return_when=asyncio.FIRST_COMPLETED)
        for task in (stop, story):
            task.cancel()
        try:
            await story
        except asyncio.CancelledError:
            return 0
        except CoreError as error:
            print(error, file=sys.stderr, flush=True)
        return 1

    def _on_signal(self, number: int) -> None:
        if not self.stopping.is_set():
            self.screen.say("stopping")
            self.stopping.set()
        elif number == signal.SIGINT:
            for name, process in self.record.processes.items():
                if name != SERVER:  # it stops within a moment, and cleanly
                    groups.signal(process["pid"], signal.SIGKILL)

    async def _serve(self) -> None:
        """Start everything in order, and wait; when cancelled, what was started is stopped in reverse order."""
        async with AsyncExitStack() as stack:
            stack.enter_context(only_one(self.data))
            await leftovers.stop(self.record.left_behind(), self.root, self.data, self.screen)
            stack.callback(self.record.clear)

            commands = procfile.read(self.root / "Procfile")
            self.screen.introduce([SERVER, *commands])
            environ = environment.build(self.root, self.given)
            own_server = not environ.get("REDIS_URL", "").strip()
            if own_server:
                environ["REDIS_URL"] = embedded.url(self.data)
            config = await self._without_problems(environ, own_server=own_server)

            self.record.note(env=config.env, redis_url=environ["REDIS_URL"], port=config.port)
            place = Place(self.root, environ, self.record)
            if own_server:
                await self._start_server(stack, place, config.ledger_memory)
            if not await self._release(commands, place):
                raise CoreError("The release line of the Procfile failed, so nothing was started. It says why above.")

            stack.push_async_callback(self._stop)
            self._start(commands, place)
            async with asyncio.TaskGroup() as meanwhile:
                if "web" in commands:
                    meanwhile.create_task(self._announce(config, environ))
                if config.development:
                    meanwhile.create_task(self._reload(commands, place))
                await asyncio.Event().wait()

    async def _without_problems(self, environ: Mapping[str, str], *, own_server: bool) -> Config:
        """Return the configuration, if nothing is in the way of starting."""
        config = Config.from_env(environ, data=self.data)
        problems.check_port(environ.get("CARILLON_HOST") or "0.0.0.0", config.port)  # noqa: S104
        found = list(config.notes)
        if not own_server:
            found += await asyncio.to_thread(problems.check_server, config.redis_url)
        for note in found:
            self.screen.say(note)
        return config

    async def _start_server(self, stack: AsyncExitStack, place: Place, memory: int) -> None:
        command = shlex.join(embedded.command(self.data, memory))
        prepare = partial(asyncio.to_thread, embedded.prepare, self.data)
        keeper = Keeper(SERVER, command, place, self.screen, prepare=prepare)
        stack.push_async_callback(keeper.stop)
        while not await asyncio.to_thread(embedded.answers, embedded.url(self.data)):
            if keeper.deaths:
                raise LedgerUnavailable(f"The embedded server did not start. {embedded.last_words(self.data)}")
            await asyncio.sleep(0.02)

    async def _release(self, commands: Mapping[str, str], place: Place) -> bool:
        if "release" not in commands:
            return True
        relay = partial(self.screen.relay, "release")
        code = await run_to_end("release", commands["release"], place, relay)
        if code:
            self.screen.say(f"release ended ({ending(code)})")
        return code == 0

    def _start(self, commands: Mapping[str, str], place: Place) -> None:
        self.keepers = [
            Keeper(name, command, place, self.screen) for name, command in commands.items() if name != "release"
        ]

    async def _stop(self) -> None:
        await asyncio.gather(*(keeper.stop() for keeper in self.keepers))

    async def _announce(self, config: Config, environ: Mapping[str, str]) -> None:
        await readiness.wait_until_ready(config.port, self.screen.say)
        if config.development and not environ.get("API_TOKEN", "").strip():
            self.screen.say(f"API token (kept in .data/api_token): {config.api_token}")
        self.screen.say(f"ready http://127.0.0.1:{config.port}")

    async def _reload(self, commands: Mapping[str, str], place: Place) -> None:
        async for what in reload.changes(self.root, self.screen.say):
            passed = await reload.passes(self.check, place, self.screen) and await self._release(commands, place)
            if not passed:
                self.screen.say(f"{what} changed and cannot run; the old code keeps running")
                continue
            names = [keeper.name for keeper in self.keepers]
            self.screen.say(f"{what} changed; restarting {', '.join(names)}")
            await self._stop()
            self._start(commands, place)
