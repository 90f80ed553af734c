"""TimescaleDB for tests: an npm package runs PostgreSQL with the extension as WebAssembly behind a TCP port."""
