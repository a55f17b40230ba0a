-- stats: how a queue stands.
--
-- KEYS   shared base, base of the queue
-- ARGV   time
-- Reply  the time; 1 if paused; taken in, ended; jobs in all, active, delayed, blocked, completed, failed, expired, cancelled; due
--        time of the oldest job at the head of a waiting list, or -1
-- Cost   18 commands, 3 for each waiting list; of keys the first 64 of each lane are looked at
local now, Q = time(), KEYS[2]
local meta, number = call('HMGET', Q .. 'meta', 'p', 'r', 'x'), tonumber(call('GET', Q .. 'n') or 0) % COUNTED
local oldest = -1
local lists = {}
for _, line in ipairs(call('ZRANGE', Q .. 'ready', 0, 255)) do
  if byte(line, 1) >= 97 then
    lists[#lists + 1] = line
  else
    -- Of many keys those that are next have waited longest since their last turn.
    for _, key in ipairs(call('LRANGE', Q .. line, 0, 63)) do lists[#lists + 1] = line_in(line, key) end
  end
end
for _, member in ipairs(call('ZRANGE', Q .. 'lines', 0, 63)) do lists[#lists + 1] = line_named(member) end
for _, line in ipairs(lists) do
  for _, id in ipairs(call('LRANGE', Q .. line, 0, 15)) do
    if call('HEXISTS', Q .. 'tombs', line .. id) == 0 then
      local rec = call('HGET', Q .. 'jobs', id)
      local s = rec and side_of(Q, id, rec)
      if s and (oldest < 0 or s.run_at < oldest) then oldest = s.run_at end
      break
    end
  end
end
local function size(list) return call('ZCARD', Q .. list) end
-- Those that are pinned are listed apart.
local failed, expired, cancelled = size('zf') + size('yf'), size('ze') + size('ye'), size('zx') + size('yx')
return { string.format('%.0f', now), meta[1] and 1 or 0, string.format('%.0f', number - (meta[2] or 0)),
  meta[3] or '0', call('HLEN', Q .. 'jobs'), call('HLEN', Q .. 'active'), size('delayed'), size('blocked'),
  call('HLEN', Q .. 'done') - failed - expired - cancelled, failed, expired, cancelled, string.format('%.0f', oldest) }
