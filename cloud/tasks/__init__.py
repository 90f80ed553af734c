"""Work that takes longer than a request: kept in the database, done by any worker, once."""
