"""What changes at a farm, pushed to whoever watches: one WebSocket, or server-sent events."""
