"""Events that come through topics of Kafka, where the extra [kafka] is installed."""
