"""A whole night on Spark: same gate, same run, same lists; and one whose process is killed."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine

from batch.runs.model_runs import DEAD
from flows.nightly import run_now
from tests import spark_cluster
from tests.flows.test_bad_nights import started_nights
from tests.flows.test_nightly import ignore, partitions, partitions_of, rows, value
from tests.programs import next_line
from tests.waiting import wait_until

pytestmark = pytest.mark.usefixtures("prefect_server")

LISTS = (
    "select user_no, item_nos, scores from batch_recommendations where run_id = :run_id order by 1"
)


def test_a_killed_night_leaves_the_served_run_and_the_next_one_publishes_what_one_machine_would(
    shop: Engine, first_run: int, tmp_path: Path
) -> None:
    blocks = tmp_path / spark_cluster.BLOCKS
    with spark_cluster.cluster(tmp_path, executors=1):
        with started_nights("never") as nights:
            child = int(next_line(nights))
            wait_until(lambda: any(blocks.glob("night-*/fit-*/users/1/*")), seconds=300)
            os.kill(child, signal.SIGKILL)
            # Its Java, which has the same pipe, ends too.
            nights.communicate(timeout=60)
        assert value(shop, "select run_id from live_run") == first_run
        assert len(list(blocks.iterdir())) == 1
        newest = run_now(ignore)

    assert list(blocks.iterdir()) == []
    wait_until(lambda: not spark_cluster.executors(str(tmp_path)), seconds=60)
    dead, run = rows(shop, "select * from model_runs where run_id > :run order by 1", run=first_run)
    assert (dead.state, dead.reason) == ("failed", DEAD)
    assert (run.run_id, run.state, run.metrics["engine"]) == (newest, "published", "spark")
    assert value(shop, "select run_id from live_run") == newest
    assert partitions(shop) == partitions_of(first_run, newest)
    before = value(shop, "select metrics from model_runs where run_id = :run_id", run_id=first_run)
    assert before["engine"] == "implicit"
    assert run.metrics["ndcg@20"] == pytest.approx(before["ndcg@20"], rel=0.02)
    own, other = (rows(shop, LISTS, run_id=run_id) for run_id in (newest, first_run))
    assert [row.user_no for row in own] == [row.user_no for row in other]
    for row, wanted in zip(own, other, strict=True):
        assert len(row.item_nos) == len(wanted.item_nos)
        assert np.allclose(row.scores, wanted.scores, rtol=0.02, atol=0.02)
        assert len(set(row.item_nos[:10]) & set(wanted.item_nos[:10])) >= 8
