"""Questions and their answers: accepted, retrieved for, written as a stream, cited."""
