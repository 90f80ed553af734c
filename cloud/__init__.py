"""The cloud: ingest, store, API and dashboard. One code base serves a single farm box and a cluster."""
