"""The quarantine in people's hands: listed, as a workbook to correct, sent in again, purged.

What lies in it is the business of :mod:`ispmig_pipelines.platform.quarantine`.
"""
