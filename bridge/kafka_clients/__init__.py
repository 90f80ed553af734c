"""Kafka behind one client library per file: a sink that keeps ``bridge.sink.Sink`` and a consumer for the downlink."""
