"""How well a checkpoint obeys: an independent judge, and measures of onsets, level and texture."""
