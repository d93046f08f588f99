"""The queries that the page of Kafka shows."""

from sqlalchemy import Engine, text

from tests.document_blocks import ROOT, blocks

PAGE = ROOT / "docs" / "kafka.md"


def test_rejects_are_read_as_the_page_shows(engine: Engine) -> None:
    (query,) = [block.code for block in blocks(PAGE) if block.language == "sql"]
    with engine.begin() as connection:
        connection.execute(
            text(
                "insert into kafka_rejects"
                " (topic, topic_id, partition_no, message_offset, reason, message)"
                " values ('clicks', 'topic-1', 0, 7, 'malformed', '{')"
            )
        )
        assert [tuple(row) for row in connection.execute(text(query))] == [("malformed", 1, 7)]
