"""Libraries and servers made by others, judged by the gate (make subjects)."""
