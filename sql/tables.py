"""Table objects that mirror the migrations; a test compares the two."""

from datetime import datetime

from pgvector.sqlalchemy import VECTOR
from sqlalchemy import (
    REAL,
    BigInteger,
    Boolean,
    Column,
    Computed,
    Date,
    Double,
    ForeignKey,
    Identity,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP, TSVECTOR

metadata = MetaData()

_NOW = func.now()


def _time(name: str, *, required: bool = True) -> Column[datetime]:
    return Column(
        name,
        TIMESTAMP(timezone=True),
        nullable=not required,
        server_default=_NOW if required else None,
    )


def _run_key() -> Column[int]:
    return Column("run_id", Integer, primary_key=True, autoincrement=False)


users = Table(
    "users",
    metadata,
    Column("user_no", Integer, Identity(always=True), primary_key=True),
    Column("user_id", Text, nullable=False, unique=True),
    Column("attributes", JSONB, nullable=False, server_default="{}"),
    _time("created_at"),
)

items = Table(
    "items",
    metadata,
    Column("item_no", Integer, Identity(always=True), primary_key=True),
    Column("item_id", Text, nullable=False, unique=True),
    Column("title", Text, nullable=False),
    Column("categories", ARRAY(Text), nullable=False, server_default="{}"),
    Column("description", Text, nullable=False, server_default=""),
    Column("attributes", JSONB, nullable=False, server_default="{}"),
    Column("available", Boolean, nullable=False, server_default="true"),
    _time("created_at"),
    _time("updated_at"),
    Column(
        "words",
        TSVECTOR,
        Computed("item_words(title, categories, description, attributes)", persisted=True),
    ),
)

event_kinds = Table(
    "event_kinds",
    metadata,
    Column("kind_no", SmallInteger, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False, unique=True),
    Column("strength", REAL, nullable=False),
    Column("marks_seen", Boolean, nullable=False),
    Column("value_reference", REAL),
    Column("half_life_days", REAL),
    Column("description", Text, nullable=False),
    Column("smallest_value", Double),
    Column("greatest_value", Double),
)

event_receipts = Table(
    "event_receipts",
    metadata,
    Column("event_id", Uuid, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("occurred_at", TIMESTAMP(timezone=True), nullable=False),
)

interactions = Table(
    "interactions",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("event_id", Uuid, nullable=False),
    Column("user_no", Integer, nullable=False),
    Column("item_no", ForeignKey("items.item_no"), nullable=False),
    Column("kind_no", SmallInteger, nullable=False),
    Column("value", REAL),
    Column("occurred_at", TIMESTAMP(timezone=True), primary_key=True),
    _time("received_at"),
    Column("recommendation_id", Uuid),
)

event_deletions = Table(
    "event_deletions",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("event_id", Uuid, nullable=False, unique=True),
    Column("user_no", Integer, nullable=False),
    _time("deleted_at"),
)

user_interests = Table(
    "user_interests",
    metadata,
    Column("user_no", Integer, primary_key=True, autoincrement=False),
    Column("words", ARRAY(Text), nullable=False),
    Column("item_nos", ARRAY(Integer), nullable=False),
    Column("position", BigInteger, nullable=False, unique=True),
    _time("stated_at"),
)

forgotten_users = Table(
    "forgotten_users",
    metadata,
    Column("user_no", Integer, primary_key=True, autoincrement=False),
    Column("position", BigInteger, nullable=False, unique=True),
    _time("forgotten_at"),
)

model_runs = Table(
    "model_runs",
    metadata,
    Column("run_id", Integer, Identity(always=True), primary_key=True),
    Column("state", Text, nullable=False, server_default="training"),
    _time("started_at"),
    _time("finished_at", required=False),
    Column("cut_off_position", BigInteger, nullable=False),
    Column("cut_off_at", TIMESTAMP(timezone=True), nullable=False),
    Column("parameters", JSONB, nullable=False, server_default="{}"),
    Column("metrics", JSONB, nullable=False, server_default="{}"),
    Column("step_seconds", JSONB, nullable=False, server_default="{}"),
    Column("reason", Text),
    Column("flow_run_id", Uuid),
    Column("gramian", ARRAY(REAL)),
    Column("item_norm", REAL),
)

live_run = Table(
    "live_run",
    metadata,
    Column("only_row", Boolean, primary_key=True, server_default="true"),
    Column("run_id", ForeignKey("model_runs.run_id"), nullable=False),
    _time("switched_at"),
    Column("switch_no", BigInteger, nullable=False, server_default="0"),
)

switches = Table(
    "switches",
    metadata,
    Column("switch_no", BigInteger, Identity(always=True), primary_key=True),
    Column("run_id", ForeignKey("model_runs.run_id"), nullable=False),
    Column("how", Text, nullable=False),
    Column("switched_by", Text, nullable=False),
    _time("switched_at"),
)

batch_recommendations = Table(
    "batch_recommendations",
    metadata,
    _run_key(),
    Column("user_no", Integer, primary_key=True),
    Column("item_nos", ARRAY(Integer), nullable=False),
    Column("scores", ARRAY(REAL), nullable=False),
)

item_embeddings = Table(
    "item_embeddings",
    metadata,
    _run_key(),
    Column("item_no", Integer, primary_key=True),
    Column("embedding", VECTOR, nullable=False),
    Column("source", VECTOR),
    Column("taste_scale", REAL, nullable=False),
    Column("confidence_scale", REAL, nullable=False),
    Column("users", Integer, nullable=False, server_default="0"),
    _time("placed_at", required=False),
)

item_likenesses = Table(
    "item_likenesses",
    metadata,
    _run_key(),
    Column("item_no", Integer, primary_key=True),
    Column("likeness", VECTOR, nullable=False),
)

user_embeddings = Table(
    "user_embeddings",
    metadata,
    _run_key(),
    Column("user_no", Integer, primary_key=True),
    Column("embedding", VECTOR),
    Column("events_since_cut_off", Integer, nullable=False),
    Column("position", BigInteger, nullable=False),
    _time("updated_at"),
)

popular_items = Table(
    "popular_items",
    metadata,
    _run_key(),
    Column("list", Text, primary_key=True),
    Column("category", Text, primary_key=True, server_default=""),
    Column("item_nos", ARRAY(Integer), nullable=False),
    Column("scores", ARRAY(REAL), nullable=False),
)

popular_refreshes = Table(
    "popular_refreshes",
    metadata,
    Column("run_id", ForeignKey("model_runs.run_id"), primary_key=True),
    Column("part", Text, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("as_of", TIMESTAMP(timezone=True)),
    _time("refreshed_at"),
    Column("seconds", REAL, nullable=False),
)

term_embeddings = Table(
    "term_embeddings",
    metadata,
    _run_key(),
    Column("term", Text, primary_key=True),
    Column("idf", REAL, nullable=False),
    Column("embedding", VECTOR, nullable=False),
    Column("source", VECTOR),
)

catalogue_words = Table(
    "catalogue_words",
    metadata,
    Column("word", Text(collation="C"), primary_key=True),
    Column("keys", ARRAY(Integer), nullable=False),
)

item_news = Table(
    "item_news",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("item_no", Integer, primary_key=True, autoincrement=False),
)

placing_progress = Table(
    "placing_progress",
    metadata,
    _run_key(),
    Column("position", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("item_no", Integer, nullable=False, server_default="0"),
    Column("usual", VECTOR),
    Column("usual_source", VECTOR),
)

speed_progress = Table(
    "speed_progress",
    metadata,
    Column("run_id", ForeignKey("model_runs.run_id", ondelete="CASCADE"), primary_key=True),
    Column("shard", SmallInteger, primary_key=True, autoincrement=False),
    Column("position", BigInteger, nullable=False),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("key_id", Integer, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("key_hash", LargeBinary, nullable=False, unique=True),
    Column("scopes", ARRAY(Text), nullable=False),
    _time("created_at"),
    _time("revoked_at", required=False),
)

impressions = Table(
    "impressions",
    metadata,
    Column("recommendation_id", Uuid, primary_key=True),
    Column("user_no", Integer),
    Column("run_id", Integer),
    Column("source", Text, nullable=False),
    Column("arm", Text),
    Column("item_nos", ARRAY(Integer), nullable=False),
    _time("shown_at"),
    Column("explored", ARRAY(Integer), nullable=False, server_default="{}"),
)

impression_days = Table(
    "impression_days",
    metadata,
    Column("day", Date, nullable=False),
    Column("run_id", Integer),
    Column("source", Text, nullable=False),
    Column("arm", Text),
    Column("impressions", BigInteger, nullable=False),
    Column("items", BigInteger, nullable=False),
    Column("explored", BigInteger, nullable=False),
    Column("users", BigInteger, nullable=False),
    UniqueConstraint("day", "run_id", "source", "arm", postgresql_nulls_not_distinct=True),
)

tuning_trials = Table(
    "tuning_trials",
    metadata,
    Column("fingerprint", Text, primary_key=True),
    Column("trial", Integer, primary_key=True, autoincrement=False),
    Column("until_position", BigInteger, nullable=False),
    Column("rung", Text, nullable=False),
    Column("recipe", JSONB, nullable=False),
    Column("figures", JSONB, nullable=False),
    Column("seconds", REAL, nullable=False),
    _time("created_at"),
)

tuned_recipes = Table(
    "tuned_recipes",
    metadata,
    Column("tuning_id", Integer, Identity(always=True), primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("until_position", BigInteger, nullable=False),
    Column("recipe", JSONB),
    Column("figures", JSONB, nullable=False),
    Column("trials", Integer, nullable=False),
    Column("seconds", REAL, nullable=False),
    _time("created_at"),
)
