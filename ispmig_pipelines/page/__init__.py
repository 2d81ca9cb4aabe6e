"""What pages for people share: the document, its look, its words, and how it becomes a file."""
