"""From frames to a data set: the label queue, review, agreement, corrections, import and export, frozen versions."""
