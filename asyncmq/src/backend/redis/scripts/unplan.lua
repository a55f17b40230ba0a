-- unplan: forgets a schedule.
--
-- KEYS   shared base, base of the queue
-- ARGV   time, id
-- Reply  1 if it was there
-- Cost   2 commands
call('ZREM', KEYS[2] .. 'slots', ARGV[2])
return call('HDEL', KEYS[2] .. 'plans', ARGV[2])
