-- arm: asks to be woken when a queue has something new.
--
-- KEYS   shared base, bases of the queues
-- ARGV   time
-- Reply  nothing
-- Cost   2 commands for each queue
for k = 2, #KEYS do set_mark(KEYS[k], WAKE, true) end
