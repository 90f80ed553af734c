"""Real servers for tests: Apache Kafka, Mosquitto, TimescaleDB and Redis, each a child process that ends with the tests.

`python -m tests.servers install` fetches what is missing into `.servers`; the fixtures are in `fixtures.py`.
"""
