"""What people see: every page in a real browser, by eye, by keyboard and by machine."""
