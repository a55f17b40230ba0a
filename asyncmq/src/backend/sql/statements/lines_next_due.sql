-- Returns when the next token is there that a line waits for.
SELECT min(parked_until) FROM lines WHERE queue = $1 AND parked_until < 9223372036854775807
