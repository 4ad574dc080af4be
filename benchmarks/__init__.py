"""What the shipped models are held to: measurements that anyone can run again."""
