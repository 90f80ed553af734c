"""Domain-free helpers of the cloud: connections, pages, identifiers, HTTP and logs."""
