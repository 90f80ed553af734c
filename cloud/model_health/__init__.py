"""Whether the model of each unit works: produces, keeps up, and sees something."""
