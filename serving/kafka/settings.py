"""Which topics of which Kafka events come from."""

from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from serving.server.settings import Count
from sql.environment import CONSTANT, LayerSettings

Port = Annotated[int, Field(ge=1, le=65535)]


class KafkaSettings(LayerSettings):
    """Read from the environment once, by `python -m serving.kafka_events`."""

    model_config = SettingsConfigDict(env_prefix="TANDEM_KAFKA_")

    servers: str = Field(
        min_length=1, description="Kafka's brokers, as host:port,host:port, for events from topics."
    )
    topics: str = Field(
        min_length=1, description="The topics that events come from, with commas between."
    )
    group: str = Field(
        "tandem",
        min_length=1,
        description="The consumer group, whose members share the partitions.",
    )
    client_file: Path | None = Field(
        None,
        description="A file with more settings of librdkafka, one name=value a line, such as"
        " security.protocol and sasl.password.",
    )
    batch_messages: Annotated[Count, Field(le=50_000)] = Field(
        5_000, description="Messages that are recorded in one transaction at the most."
    )
    create_items: bool = Field(
        False,
        description="Whether items that there are none of are created, titled by their ids;"
        " otherwise their events are refused.",
    )
    metrics_host: str = Field("127.0.0.1", description="The address that metrics are given at.")
    metrics_port: Port | None = Field(None, description="The port of metrics; unset: none.")
    rest_seconds: Annotated[float, CONSTANT] = Field(
        0.5, gt=0, description="How long a store that is away is left alone."
    )

    def topic_names(self) -> list[str]:
        """The topics."""
        return [name for given in self.topics.split(",") if (name := given.strip())]

    def client_options(self) -> dict[str, str]:
        """The settings of the file; ValueError for a line that is none."""
        if self.client_file is None:
            return {}
        lines = self.client_file.read_text(encoding="utf-8").splitlines()
        options = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
        pairs = [line.partition("=") for line in options]
        for name, equals, _ in pairs:
            if not equals:
                raise ValueError(f"{self.client_file}: write name=value, not {name!r}")
        return {name.strip(): value.strip() for name, _, value in pairs}
