"""What the box switches: pure rules decide, outputs obey, a current proves it."""
