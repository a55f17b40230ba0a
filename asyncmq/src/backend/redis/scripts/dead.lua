-- dead: lists workers whose lease has run out.
--
-- KEYS   shared base
-- ARGV   time
-- Reply  for each: worker, end of the lease, 1 if it was draining
-- Cost   1 command, 2 for each dead worker
local now, reply = time(), {}
for _, worker in ipairs(call('ZRANGEBYSCORE', S .. 'sessions', '-inf', '(' .. string.format('%.0f', now), 'LIMIT', 0, 64)) do
  local untilt = call('ZSCORE', S .. 'sessions', worker)
  local info = call('HGET', S .. 'workers', worker)
  reply[#reply + 1] = { worker, untilt, info and sub(info, 15, 15) or '0' }
end
return reply
