"""XML: repeated elements as tables, streamed, with nothing outside the document; and back."""
