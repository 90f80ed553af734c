"""The road between MQTT and the store: uplink messages go to Kafka or to the ingest, watermarks come back.

``source -> decode -> authorize -> route -> sink``, in batches with a bounded window; the broker is acknowledged, in
the order of arrival, only after the sink has made a batch durable. Delivery is at least once, never at most once.
"""
