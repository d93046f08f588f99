"""The outcome of a search as artifacts of its flow run."""

from dataclasses import asdict

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from batch.tuning.search import Found


def publish_found(found: Found) -> None:
    """The verdict in a sentence, and a table of all trials."""
    create_markdown_artifact(f"# {found.verdict()}", key="tuning-summary")
    create_table_artifact(
        [
            {
                "trial": number,
                "fidelity": trial.fidelity,
                "recall@20": trial.judged.accuracy.recall,
                "ndcg@20": trial.judged.accuracy.ndcg,
                "seconds": round(trial.seconds, 3),
                **asdict(trial.hyperparameters),
            }
            for number, trial in enumerate(found.trials, 1)
        ],
        key="tuning-trials",
        description=found.verdict(),
    )
