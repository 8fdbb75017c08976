"""What somebody with another device can measure for this project, in one command."""
