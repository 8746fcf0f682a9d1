"""Stories of users, told to the real API, worker and stores through the project's own operations."""
