-- strike: takes workers that were silent for long off the list.
--
-- KEYS   shared base
-- ARGV   time, how long silent ones are listed
-- Reply  nothing
-- Cost   1 command; 1 for each worker listed
local now = time()
local all = call('HGETALL', S .. 'workers')
for i = 1, #all, 2 do
  local seen = unpick('>I7', sub(all[i + 1], 8, 14))
  local lease = tonumber(call('ZSCORE', S .. 'sessions', all[i]) or 0)
  if math.max(seen, lease) + tonumber(ARGV[2]) <= now then call('HDEL', S .. 'workers', all[i]) end
end
