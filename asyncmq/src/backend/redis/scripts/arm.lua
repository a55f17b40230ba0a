-- arm: asks to be woken when a queue has something, and tells whether it has already.
--
-- KEYS   shared base, bases of the queues
-- ARGV   time, 1 to be told of what is there already
-- Reply  1 if jobs wait
-- Cost   2 commands for each queue
local waits = 0
for k = 2, #KEYS do
  call('HSET', KEYS[k] .. 'meta', 'i', 1)
  if ARGV[2] == '1' and call('EXISTS', KEYS[k] .. 'ready') == 1 then waits = 1 end
end
return waits
