"""Start everything and keep it running; learn the first night if there is none."""

import asyncio
import signal
import time
from contextlib import ExitStack
from importlib.metadata import version
from typing import Annotated

import typer

from domain.errors import StackError
from stack.cli.preparing import prepare
from stack.local.home import UP, owning
from stack.local.port_check import NeededPort, check_ports
from stack.local.starting.addresses import print_addresses
from stack.local.starting.helper_process import helper_process
from stack.local.starting.prefect_processes import PrefectProcesses
from stack.local.starting.start import STEPS, Start
from stack.local.starting.startup import start_up
from stack.local.supervision.background import together
from stack.local.supervision.leftovers import end_leftovers
from stack.local.supervision.state import StackState, find_state
from stack.local.supervision.state_recorder import StateRecorder
from stack.local.supervision.supervisor import Supervisor
from stack.settings import StackSettings
from stack.terminal import Terminal

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def command(
    *,
    sample: Annotated[
        bool,
        typer.Option(
            "--sample/--no-sample", help="Load sample films and viewers if there are no items yet."
        ),
    ] = True,
) -> None:
    """Exit code of a whole life of the stack: 0 after a stop that was asked for.

    Raises HomeInUseError or PortTakenError before anything is started.
    """
    settings, home = prepare()
    began_at = settings.started_at or time.time()
    terminal = Terminal()
    with owning(home, UP):
        terminal.line(f"[bold]Tandem {version('tandem-recommender')}[/] in {home.directory}")
        for name in end_leftovers(find_state(home.state_file)):
            terminal.say(f"{name}, left over from a start that was killed, ended")
        check_ports(_needed_ports(settings))
        recorder = StateRecorder(home.state_file, _new_state(settings))
        supervisor = Supervisor(terminal, home.log, recorder.processes)
        with ExitStack() as helping:
            helper = helping.enter_context(helper_process(STEPS))
            prefect = PrefectProcesses(settings, home)
            start = Start(
                settings, home, terminal, supervisor, recorder, sample, began_at, helper, prefect
            )
            code = asyncio.run(_live(start, helping))
    raise typer.Exit(code)


async def _live(start: Start, helping: ExitStack) -> int:
    life = asyncio.create_task(_start_and_stay(start, helping))
    _listen(life, start.supervisor, start.terminal)
    try:
        await life
    except asyncio.CancelledError:
        return 0
    except StackError as error:
        start.terminal.error(str(error))
        return 1
    finally:
        start.terminal.settle()
        await start.supervisor.stop()
    return 0


async def _start_and_stay(start: Start, helping: ExitStack) -> None:
    welcome = await start_up(start)
    # From now on nobody needs the helper, and its memory is free.
    helping.close()
    print_addresses(start.terminal, start.recorder.state, start.home, welcome)
    start.terminal.settle()
    await together(
        start.supervisor.keep_logs_bounded(),
        start.prefect.keep(start.supervisor, start.terminal),
    )


def _listen(life: asyncio.Task[None], supervisor: Supervisor, terminal: Terminal) -> None:
    """The first signal stops everything in order, the second kills."""

    def stop() -> None:
        if life.done() or life.cancelling():
            terminal.warn("killing everything")
            supervisor.kill()
            return
        terminal.line("\nStopping. Once more Ctrl-C kills.")
        life.cancel()

    for number in _SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, stop)


def _needed_ports(settings: StackSettings) -> list[NeededPort]:
    needed = [
        NeededPort("the API", settings.api_host, settings.api_port, "TANDEM_API_PORT"),
        NeededPort("Prefect", "127.0.0.1", settings.prefect_port, "TANDEM_PREFECT_PORT"),
    ]
    if settings.postgres_port is not None and settings.external_database_url is None:
        port = settings.postgres_port
        needed.append(NeededPort("PostgreSQL", "127.0.0.1", port, "TANDEM_POSTGRES_PORT"))
    return needed


def _new_state(settings: StackSettings) -> StackState:
    return StackState(
        api_url=settings.api_url,
        prefect_url=settings.prefect_url,
        database_url=settings.external_database_url or "",
        redis_url=settings.external_redis_url or "",
    )
