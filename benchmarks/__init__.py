"""How fast memva is, beside what plain `sqlite3` does with the same statements.

`python -m benchmarks` prints one table and writes `latest.json`. The floor, called raw, is the
least that a host could write itself on the same schema, the same indexes and at the same
durability. Both run in one process, in turns, so that the ratio says something where the rates
alone do not.
"""
