"""Edge devices with their channels and cameras, and the ledger of what each has sent."""
