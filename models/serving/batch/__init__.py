"""Predictions over many stored pictures: manifest → model → anomaly flags → Parquet, with a report on whether to believe them.

``python -m models.serving.batch --manifest FILE --bundle fish-detector --output DIR``. Runs here, or on any runner of Apache Beam.
"""
