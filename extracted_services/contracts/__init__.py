"""What the shop's parts have agreed on: the API, the events, whose state is taken over. Imports nothing of ours."""
