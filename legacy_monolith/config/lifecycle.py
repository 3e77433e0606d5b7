"""Whether this process has been asked to stop.

The server waits for open answers when it stops, and an event stream never ends by itself: it looks here.
"""

import threading

stopping = threading.Event()
