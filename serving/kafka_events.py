"""Entry point: `python -m serving.kafka_events`."""

import asyncio
import signal
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from importlib.util import find_spec

import prometheus_client
import structlog

from serving.container import Container
from serving.kafka.recording import TopicRecorder
from serving.kafka.settings import KafkaSettings
from serving.runtime.background import repeated
from serving.runtime.logs import configure_logs
from serving.runtime.metrics import ServingMetrics
from serving.settings import ServingSettings
from sql.engine import TOPIC_READER, make_async_engine
from sql.environment import refuse_unknown_variables

log = structlog.get_logger()


def main() -> None:
    """Record events from topics until SIGTERM or SIGINT."""
    refuse_unknown_variables()
    if find_spec("confluent_kafka") is None:
        sys.exit("Topics of Kafka need: pip install 'tandem-recommender[api,kafka]'")
    settings, kafka = ServingSettings(), KafkaSettings()
    configure_logs(settings.log_level)
    metrics = ServingMetrics()
    if kafka.metrics_port is not None:
        prometheus_client.start_http_server(
            kafka.metrics_port, addr=kafka.metrics_host, registry=metrics.registry
        )
    try:
        asyncio.run(_run(Container(settings, metrics), kafka))
    except Exception:
        # Whoever started it starts it again; what was under way is read again then.
        log.exception("kafka_failed")
        sys.exit(1)


async def _run(container: Container, kafka: KafkaSettings) -> None:
    settings = container.settings
    async with AsyncExitStack() as stack:
        for closable in (container.store, container.redis):
            stack.push_async_callback(closable.close)
        for name, work, seconds in (
            ("postgres_probe", container.store.probe, settings.postgres_probe_seconds),
            ("redis_heartbeat", container.redis.heartbeat, settings.redis_heartbeat_seconds),
            ("kinds", container.kinds.refresh, settings.popular_refresh_seconds),
            (
                "exclusion_cache",
                container.exclusion_cache.catch_up,
                settings.exclusion_cache_poll_seconds,
            ),
        ):
            going_on = repeated(name, work, container.failures, seconds=seconds)
            await stack.enter_async_context(going_on)
        engine = make_async_engine(
            settings.transactions_url,
            application_name=TOPIC_READER,
            pooled=settings.pooled_database_url is not None,
            pool_size=2,
            max_overflow=0,
            hide_parameters=True,
        )
        stack.push_async_callback(engine.dispose)
        recorder = TopicRecorder(
            engine,
            container.checker,
            container.invalidation,
            container.metrics,
            create_items=kafka.create_items,
            rest_seconds=kafka.rest_seconds,
        )
        await _work(recorder, kafka)


async def _work(recorder: TopicRecorder, kafka: KafkaSettings) -> None:
    # An extra: whoever has it not is told so by `main`.
    from serving.kafka.topics import TopicReader  # noqa: PLC0415
    from serving.kafka.worker import TopicWorker  # noqa: PLC0415

    loop = asyncio.get_running_loop()

    def positions(topic_id: str) -> Mapping[int, int]:
        # Asked from the thread that reads.
        return asyncio.run_coroutine_threadsafe(recorder.positions(topic_id), loop).result()

    task = asyncio.create_task(TopicWorker(TopicReader(kafka, positions), recorder).run())
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    with suppress(asyncio.CancelledError):
        await task


if __name__ == "__main__":
    main()
