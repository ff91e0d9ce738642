"""Pure decisions: facts and instants in, a named decision out. Nothing here waits, reads a clock or rolls dice."""
