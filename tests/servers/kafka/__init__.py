"""Apache Kafka for tests: the jars come from its Maven artifacts, one KRaft node runs on Java 17."""
