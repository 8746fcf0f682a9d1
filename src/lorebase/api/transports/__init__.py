"""GraphQL over HTTP, Server-Sent Events and WebSocket, on one engine."""
