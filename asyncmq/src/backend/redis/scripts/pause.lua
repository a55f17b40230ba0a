-- pause: stops a queue from giving out, or lets it give out again.
--
-- KEYS   shared base, base of the queue
-- ARGV   time, 1 to pause, 0 to resume
-- Reply  1 if it changed
-- Cost   3 commands
local Q, paused = KEYS[2], ARGV[2] == '1'
begin(Q)
if (call('HGET', Q .. 'meta', 'p') == '1') == paused then return 0 end
if paused then call('HSET', Q .. 'meta', 'p', 1) else call('HDEL', Q .. 'meta', 'p') end
emit_other(Q, paused and 18 or 19, NOBODY, time())
wake(Q)
publish()
return 1
