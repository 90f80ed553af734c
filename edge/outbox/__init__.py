"""The durable queue between what the box has accepted and what the store has committed."""
