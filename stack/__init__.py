"""Everything on one machine: embedded servers, supervised processes and the command line `tandem`.

Reads settings and the home folder (`.tandem`); writes the home folder, and into PostgreSQL the
sample, bulk loads and API keys. It may import all other layers; none imports it.
"""
