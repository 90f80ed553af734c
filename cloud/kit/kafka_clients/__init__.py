"""Adapters of the two Kafka libraries to the protocols of ``cloud.kit.stream``; nothing else imports them."""
