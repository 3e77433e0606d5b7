"""ASGI applications that uvicorn serves as peers. Each reads BENCH_UPSTREAM or BENCH_CONFIG from its environment."""
