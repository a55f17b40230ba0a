-- due_plans: finds the schedules whose time has come.
--
-- KEYS   shared base, bases of the queues
-- ARGV   time, limit for each queue
-- Reply  the time; how long until the next time after it, or -1; for each that is due: place of its queue in KEYS, id, record
-- Cost   2 commands for each queue, 3 if something is due there
local now = string.format('%.0f', time())
local soonest, found = -1, {}
for q = 2, #KEYS do
  local slots = KEYS[q] .. 'slots'
  local ids = call('ZRANGEBYSCORE', slots, '-inf', now, 'LIMIT', 0, ARGV[2])
  local entries = #ids > 0 and call('HMGET', KEYS[q] .. 'plans', unpack(ids)) or {}
  for i = 1, #ids do
    if entries[i] then found[#found + 1] = { q, ids[i], entries[i] } end
  end
  local later = call('ZRANGEBYSCORE', slots, '(' .. now, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)[2]
  if later then
    local wait = tonumber(later) - tonumber(now)
    if soonest < 0 or wait < soonest then soonest = wait end
  end
end
return { now, string.format('%.0f', soonest), found }
