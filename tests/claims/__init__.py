"""The verdict on every published figure and statement."""
