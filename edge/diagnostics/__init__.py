"""What this box tells of itself to somebody who must help it from afar: one bounded archive, without any secret."""
