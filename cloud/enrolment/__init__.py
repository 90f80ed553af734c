"""How a device gets its certificate, a new one before it ends, and how it loses it."""
