"""A Spark cluster on this machine, whose executors are processes of their own."""

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.missing import skip_without

BLOCKS = "blocks"
_EXECUTOR = b"CoarseGrainedExecutorBackend"
# Quick to start: what a test computes is over before a better compiler would have paid.
_JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"


def skip_without_spark() -> None:
    """Without PySpark or Java the test is skipped; with SPARK_NEEDED set it fails."""
    missing = None
    if find_spec("pyspark") is None:
        missing = "PySpark is not installed: uv pip install -r requirements-spark.lock"
    elif shutil.which("java") is None:
        missing = "Java is not installed: apt-get install default-jre-headless"
    if missing:
        skip_without(missing, "SPARK_NEEDED")


@contextmanager
def cluster(folder: Path, executors: int) -> Iterator[None]:
    """An environment in which a night computes on Spark, all of whose files are in a folder.

    A worker for each executor, of one core and 1,024 MiB.
    """
    skip_without_spark()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SPARK_HOME", str(_spark_home(folder)))
        environment.setenv("SPARK_CONF_DIR", str(_settings(folder)))
        environment.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        environment.setenv("TANDEM_BATCH_ENGINE", "spark")
        environment.setenv("TANDEM_SPARK_MASTER", f"local-cluster[{executors},1,1024]")
        environment.setenv("TANDEM_SPARK_FOLDER", str(folder / BLOCKS))
        try:
            yield
        finally:
            _end_java()


def _spark_home(folder: Path) -> Path:
    """Spark's programs in a folder of the test: the workers of a cluster write beside them."""
    spec = find_spec("pyspark")
    assert spec is not None
    assert spec.origin is not None
    home = folder / "spark-home"
    home.mkdir()
    for part in Path(spec.origin).parent.iterdir():
        (home / part.name).symlink_to(part)
    return home


def _settings(folder: Path) -> Path:
    settings = folder / "conf"
    settings.mkdir()
    (settings / "spark-defaults.conf").write_text(
        "spark.ui.enabled false\n"
        "spark.driver.memory 512m\n"
        f"spark.driver.extraJavaOptions {_JAVA}\n"
        f"spark.executor.extraJavaOptions {_JAVA}\n",
        encoding="utf-8",
    )
    return settings


def _end_java() -> None:
    """End the Java of this process, which outlives its sessions and knows this cluster."""
    from pyspark import SparkContext  # noqa: PLC0415 -- it may be missing

    gateway = SparkContext._gateway
    if gateway is not None:
        gateway.shutdown()
        gateway.proc.stdin.close()
        gateway.proc.wait(timeout=120)
        SparkContext._gateway = SparkContext._jvm = None


def executors(cluster: str) -> list[int]:
    """The process ids of the executors whose commands name an application, or a folder."""
    return sorted(
        int(process.name)
        for process in Path("/proc").iterdir()
        if process.name.isdigit() and _is_executor(process, cluster.encode())
    )


def kill_an_executor(cluster: str) -> int:
    """End one of them with what it is about; its process id."""
    chosen = executors(cluster)[0]
    os.kill(chosen, signal.SIGKILL)
    return chosen


def _is_executor(process: Path, cluster: bytes) -> bool:
    try:
        command = (process / "cmdline").read_bytes()
    except OSError:
        return False
    return _EXECUTOR in command and cluster in command
