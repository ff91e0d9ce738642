"""What Luota tells about itself: names, logs, metrics, traces. Stands beside the rooms and imports none of them."""
