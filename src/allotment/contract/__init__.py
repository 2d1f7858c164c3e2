"""What an event may look like: schemas, streams, tables and the checks over them."""
