-- dead: lists workers whose lease has run out.
--
-- KEYS   shared base
-- ARGV   time
-- Reply  for each: worker, end of the lease, 1 if it held a suspect when it died, 1 if it was draining
-- Cost   1 command, 5 for each dead worker
local now, reply = time(), {}
for _, worker in ipairs(call('ZRANGEBYSCORE', S .. 'sessions', '-inf', '(' .. string.format('%.0f', now), 'LIMIT', 0, 64)) do
  local untilt = call('ZSCORE', S .. 'sessions', worker)
  local mark, had = untilt .. ':', call('HGET', S .. 'rescues', worker)
  if had and sub(had, 1, #mark) == mark then
    had = sub(had, #mark + 1)
  else
    had = '0'
    local held = call('HGET', S .. 'suspects', worker)
    if held then
      local size = unpick('>I2', held)
      local act = call('HGET', sub(held, 3, 2 + size) .. 'active', sub(held, 3 + size))
      if act and sub(act, 1, 16) == worker then had = '1' end
    end
    call('HSET', S .. 'rescues', worker, mark .. had)
  end
  local info = call('HGET', S .. 'workers', worker)
  reply[#reply + 1] = { worker, untilt, had, info and sub(info, 15, 15) or '0' }
end
return reply
