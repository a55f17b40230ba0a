-- deregister: strikes a worker from the list; what it held was released before.
--
-- KEYS   shared base; with the base of a queue behind it nothing is told, as it is told elsewhere
-- ARGV   time, worker
-- Reply  nothing
-- Cost   6 commands
local now, worker = time(), ARGV[2]
local known = call('HDEL', S .. 'workers', worker) + call('ZREM', S .. 'sessions', worker)
call('HDEL', S .. 'r' .. worker, 'l')
-- A claim that is still under way is behind this one.
call('HSET', S .. 'r' .. worker, 'c', '18446744073709551615:')
call('PEXPIRE', S .. 'r' .. worker, 600000)
call('HDEL', S .. 'suspects', worker)
if known > 0 and #KEYS == 1 then emit_other('', 17, worker, now) end
publish()
