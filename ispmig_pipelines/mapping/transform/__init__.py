"""What a spec does to a field's values between the source and the platform, step by step.

Text steps work on the cells' text, before it is looked up and converted; value steps on the
canonical values. No step's result for a record depends on any other record.
"""
