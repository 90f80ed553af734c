"""The pure steps of the uplink, in order: decode, authorize, route. None of them does I/O or keeps state."""
