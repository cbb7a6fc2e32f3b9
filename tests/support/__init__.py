"""What the tests and demos stand on: stand-ins for AWS, their processes, faults between client and service, seed data.

Each module does one thing and can be run by itself: with `tests` as the working directory, `python -m support.<module>`.
"""
