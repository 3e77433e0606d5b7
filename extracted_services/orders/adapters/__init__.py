"""SQL, the clients of the other services, and the runner of sagas: everything that fulfils a port."""
