"""What training views differ in: one subject a file, put together in `view`."""
