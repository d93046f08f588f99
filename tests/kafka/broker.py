"""Apache Kafka in KRaft mode: the real broker, of jars that Maven keeps in its own repository."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from stack.local.ports import free_port
from stack.local.servers.child_process import ending_with_parent
from tests.waiting import wait_until

POM = Path(__file__).parent / "pom.xml"
_CLUSTER = "dGFuZGVtdGFuZGVtdGFuZA"
_CONFIGURATION = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=CLIENT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=CLIENT://127.0.0.1:{port}
inter.broker.listener.name=CLIENT
controller.listener.names=CONTROLLER
listener.security.protocol.map=CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={folder}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
log.retention.check.interval.ms=500
log.segment.delete.delay.ms=0
auto.create.topics.enable=false
"""


@cache
def class_path() -> str:
    """The jars. Without Java or Maven the test is skipped; with KAFKA_NEEDED set it fails."""
    for program in ("java", "mvn"):
        if shutil.which(program) is None:
            _missing(f"{program} is not installed: apt-get install default-jre-headless maven")
    with tempfile.NamedTemporaryFile("r") as listed:
        command = ["mvn", "-B", "-q", "-f", str(POM), "dependency:build-classpath"]
        command += [f"-Dmdep.outputFile={listed.name}", "-Dmdep.includeScope=runtime"]
        found = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
        if found.returncode:
            _missing(
                "Maven could not bring the jars of Apache Kafka that tests/kafka/pom.xml names"
            )
        return listed.read()


def _missing(what: str) -> None:
    if os.environ.get("KAFKA_NEEDED"):
        pytest.fail(what)
    pytest.skip(what)


@dataclass
class Broker:
    """A broker that a test may kill and start again with what it had."""

    folder: Path
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[Any] | None" = field(default=None)

    @property
    def servers(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.folder / "kafka.log"

    def prepare(self) -> None:
        configuration = _CONFIGURATION.format(
            port=self.port, controller=free_port(), folder=self.folder / "data"
        )
        (self.folder / "server.properties").write_text(configuration)
        storage = ["format", "--cluster-id", _CLUSTER, "--config", self._configuration]
        subprocess.run(
            [*_java("kafka.tools.StorageTool"), *storage],
            check=True,
            capture_output=True,
            timeout=120,
        )

    def start(self) -> None:
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [*_java("kafka.Kafka"), self._configuration],
                stdout=output,
                stderr=output,
                cwd=self.folder,
                **ending_with_parent(signal.SIGKILL),
            )
        wait_until(self._answers, seconds=180)

    def kill(self) -> None:
        """End at once, as a machine that loses power does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(60)
        self.process = None

    def create_topic(self, name: str, partitions: int, **options: str) -> None:
        topic = NewTopic(name, num_partitions=partitions, replication_factor=1, config=options)
        admin = self.admin()
        (created,) = admin.create_topics([topic]).values()
        created.result(timeout=60)

    def send(self, topic: str, values: Sequence[bytes | None], partitions: int = 1) -> None:
        """Send messages, in turn to the partitions; they are there when this returns."""
        options: Mapping[str, Any] = {"bootstrap.servers": self.servers, "linger.ms": 20}
        producer = Producer({**options, "queue.buffering.max.messages": 2_000_000})
        failed = []

        def sent(error: Any, _message: Any) -> None:
            if error is not None:
                failed.append(error)

        for number, value in enumerate(values):
            producer.produce(topic, value, partition=number % partitions, on_delivery=sent)
        assert producer.flush(300) == 0
        assert failed == []

    def admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.servers})

    @property
    def _configuration(self) -> str:
        return str(self.folder / "server.properties")

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        try:
            return bool(self.admin().list_topics(timeout=2).brokers)
        except KafkaException:
            return False


def _java(main: str) -> list[str]:
    # It lives for seconds: better code and a collector of several threads cost more than they win.
    sparing = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
    return ["java", *sparing, "-Xms128m", "-Xmx512m", "-cp", class_path(), main]


@contextmanager
def running_broker(folder: Path) -> Iterator[Broker]:
    """A broker for the time of the block."""
    broker = Broker(folder)
    class_path()
    folder.mkdir(parents=True)
    broker.prepare()
    broker.start()
    try:
        yield broker
    finally:
        broker.kill()
