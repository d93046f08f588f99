"""Work of a start that needs large libraries, in a process that ends with the start.

`tandem up` lives as long as the stack does, and would hold SQLAlchemy, pandas and DuckDB until
then: some 170 MB.
"""

import asyncio
import gc
import os
import signal
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from multiprocessing import get_context
from typing import Any

from stack.local.servers.child_process import end_with_parent


@contextmanager
def helper_process(module: str) -> Iterator[Executor]:
    """One process, which begins at once to import the module that its work will be in.

    To be opened on the main thread, before there are others, so that it ends whatever this process
    dies of.
    """
    begin = partial(_begin, os.getpid())
    executor = ProcessPoolExecutor(1, get_context("fork"), initializer=begin)
    try:
        executor.submit(_load, module)
        yield executor
    finally:
        executor.shutdown(cancel_futures=True)


async def ask(executor: Executor, module: str, function: str, *arguments: Any) -> Any:
    """What a function of the module answers there; arguments and answers are pickled."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(executor, call, module, function, *arguments)


def call(module: str, function: str, *arguments: Any) -> Any:
    """The answer of a function, named because to import it here is what must not happen."""
    return getattr(import_module(module), function)(*arguments)


def _load(module: str) -> None:
    import_module(module)


def _begin(parent: int) -> None:
    # Ctrl-C goes to all processes of a terminal; it is the parent that ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # It ends with the start: what it imports need not be looked through for garbage as it grows.
    gc.disable()
    end_with_parent(parent, signal.SIGTERM)
    # Before numpy is imported: threads of the linear algebra would take turns on cores that the
    # servers start on, which takes the simulation of the sample twice the processor time.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
