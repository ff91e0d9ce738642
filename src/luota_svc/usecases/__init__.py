"""One public function = one use case = one transaction: admit, fetch, decide, write, answer. No protocol words."""
