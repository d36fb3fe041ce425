"""The load: very many calls at the same time, in every mode, each with its own user.

`plan` draws what each call is like, `calls` makes it, `ledger` judges the traces, `meter` weighs
memory, threads and open files, and `__main__` runs it all and prints the figures.
"""
