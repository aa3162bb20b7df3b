"""What the pages ask the database. Every query starts at the organization."""
