-- arm: asks to be woken when a queue has something new.
--
-- KEYS   shared base, bases of the queues
-- ARGV   time
-- Reply  nothing
-- Cost   1 command for each queue
for k = 2, #KEYS do call('HSET', KEYS[k] .. 'meta', 'i', 1) end
