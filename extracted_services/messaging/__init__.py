"""How services tell one another what happened: a port (`ports`), two buses behind it, and the relay of an outbox.

    ports       what a bus promises, and the words it speaks
    open        a URL → a bus
    embedded/   a partitioned log in one SQLite file, for any number of processes on one machine
    kafka/      any Kafka-compatible broker, through aiokafka
    delivery    what happens to one message: tries, waiting, dead letter
    relay       outbox rows → bus

It never looks into a message's value, and knows neither a service's database nor its events.
"""
