"""The database: metadata, connections, migrations, and what differs between PostgreSQL and TimescaleDB."""
