"""ALERTS: what somebody has to know, told once, to a log, a webhook and by email.

What happened is noted in the ledger first (:mod:`.outbox`), once per event, and sent from there
(:mod:`.delivering`), so that a process that dies in between, or a receiver that is down, loses
nothing. An alert holds slugs, ids, codes and counts, and never a word of an error.
"""
