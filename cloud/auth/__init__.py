"""Who is asking, and what their role lets them do."""
