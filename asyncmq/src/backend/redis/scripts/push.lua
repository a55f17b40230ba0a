-- push: takes jobs in, all or none, for any number of calls.
--
-- KEYS   shared base, bases of the queues
-- ARGV   time
--        number of senders; for each: sender, number of its calls, for each call: slot, sequence
--        number of runs; for each run, jobs of one queue and lane: place of the queue in KEYS, lane, profile, kind, number
--        of jobs, places (call and place in the call, 2 bytes each, per job), then the jobs:
--          kind p: place in the batch and id, body
--          kind x: the same, then due kind (n now, d delay, a time), due value, time to live (0 for ever)
-- Reply  1 if every job was added; else the recalled calls (place, reply) and the kept ones (places, profile)
-- Cost   6 commands, 5 for each run; per job one element each of HMGET, HSET, RPUSH
local now = time()
local at, senders = 3, tonumber(ARGV[2])
local calls, hits, skip, recalls = 0, {}, nil, {}
for s = 1, senders do
  local key, count = S .. 'r' .. ARGV[at], tonumber(ARGV[at + 1])
  local slots, sequences = {}, {}
  at = at + 2
  for c = 1, count do
    slots[c], sequences[c] = ARGV[at], ARGV[at + 1]
    at = at + 2
  end
  local known = call('HMGET', key, unpack(slots))
  for c = 1, count do
    local value, mark = known[c], sequences[c] .. ':'
    if value and sub(value, 1, #mark) == mark then
      skip = skip or {}
      skip[calls + c] = true
      hits[#hits + 1] = calls + c
      hits[#hits + 1] = sub(value, #mark + 1)
    end
  end
  recalls[s] = { key = key, first = calls, slots = slots, sequences = sequences }
  calls = calls + count
end

local runs = tonumber(ARGV[at])
at = at + 1
local first = at
-- Everything is checked before anything is written: a lane's name must stand for one profile.
for _ = 1, runs do
  local Q, lane, profile, kind, count = KEYS[tonumber(ARGV[at])], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3],
    tonumber(ARGV[at + 4])
  local known = call('HGET', Q .. 'lanes', lane)
  if known and known ~= profile then return redis.error_reply('LANE two profiles share the name ' .. lane) end
  at = at + 6 + count * (kind == 'p' and 2 or 5)
end

local batches, headers, added, kept = {}, {}, {}, {}
local function special(Q, lane, item, id, i)
  local due, value, ttl = ARGV[i + 2], tonumber(ARGV[i + 3]), tonumber(ARGV[i + 4])
  local run_at = now
  if due == 'd' then run_at = now + value elseif due == 'a' then run_at = math.max(now, value) end
  local state, seq = now < run_at and 'd' or 'w', batches[Q] .. sub(item, 1, 2)
  local expires = ttl > 0 and run_at + ttl or 0
  call('HSET', Q .. 'jobs', id, headers[Q] .. ARGV[i + 1])
  call('HSET', Q .. 'side', id, pack('>c1I4I4I8I8I8c7I8c16c8B', state, 0, 0, run_at, expires, ttl, seq, 0,
    string.rep('\0', 16), string.rep('\0', 8), 0))
  if ttl > 0 then call('ZADD', Q .. 'mortal', expires, id) end
  if state == 'd' then
    call('ZADD', Q .. 'delayed', run_at, seq .. id)
  elseif call('RPUSH', Q .. 'w' .. lane, seq .. id) == 1 then
    call('ZADD', Q .. 'ready', tonumber(sub(lane, 1, 2), 16), 'w' .. lane)
  end
  if noisy(Q) then emit(Q, 1, id, nil, 0, NOBODY, now, '-', '') end
end

at = first
for _ = 1, runs do
  local Q, lane, profile, kind, count, places = KEYS[tonumber(ARGV[at])], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3],
    tonumber(ARGV[at + 4]), ARGV[at + 5]
  at = at + 6
  local step = kind == 'p' and 2 or 5
  local ids = {}
  for i = 1, count do ids[i] = sub(ARGV[at + (i - 1) * step], 3) end
  local have = call('HMGET', Q .. 'jobs', unpack(ids))
  local header, batch = headers[Q], batches[Q]
  if not header then
    local number = call('HINCRBY', Q .. 'meta', 'b', 1)
    if number == 1 then call('SADD', S .. 'queues', Q) end
    batch = pack('>I5', number)
    header = batch .. pack('>I7', now)
    headers[Q], batches[Q], added[Q] = header, batch, 0
  end
  call('HSETNX', Q .. 'lanes', lane, profile)
  local fields, entries, n = {}, {}, 0
  for i = 1, count do
    local item, id = ARGV[at], ids[i]
    if skip and skip[unpick('>I2', sub(places, i * 4 - 3, i * 4 - 2)) + 1] then
      -- It was carried out before.
    elseif have[i] then
      kept[#kept + 1] = sub(places, i * 4 - 3, i * 4)
      kept[#kept + 1] = call('HGET', Q .. 'lanes', sub(have[i], 15, 23)) or ''
      if noisy(Q) then emit(Q, 12, id, have[i], 0, NOBODY, now, '-', '') end
    elseif kind == 'p' then
      fields[2 * n + 1] = id
      fields[2 * n + 2] = header .. ARGV[at + 1]
      n = n + 1
      entries[n] = batch .. item
    else
      n = n + 1
      special(Q, lane, item, id, at)
    end
    at = at + step
  end
  if n > 0 then
    if kind == 'p' then
      call('HSET', Q .. 'jobs', unpack(fields))
      if call('RPUSH', Q .. 'w' .. lane, unpack(entries)) == n then
        call('ZADD', Q .. 'ready', tonumber(sub(lane, 1, 2), 16), 'w' .. lane)
      end
    end
    added[Q] = added[Q] + n
    if kind == 'p' and noisy(Q) then
      for i = 1, n do emit(Q, 1, fields[2 * i - 1], fields[2 * i], 0, NOBODY, now, '-', '') end
    end
  end
end
for Q, n in pairs(added) do
  if n > 0 then
    call('HINCRBY', Q .. 'meta', 'e', n)
    wake(Q)
  end
end
for _, recall in ipairs(recalls) do
  local fields = {}
  for c = 1, #recall.slots do
    local place = recall.first + c
    if not (skip and skip[place]) then
      local value = recall.sequences[c] .. ':'
      for k = 1, #kept, 2 do
        local of, number = unpick('>I2I2', kept[k])
        if of + 1 == place then value = value .. pack('>I2I2c0', number, #kept[k + 1], kept[k + 1]) end
      end
      fields[#fields + 1] = recall.slots[c]
      fields[#fields + 1] = value
    end
  end
  if #fields > 0 and call('HSET', recall.key, unpack(fields)) > 0 then call('PEXPIRE', recall.key, 86400000) end
end
publish()
if #hits == 0 and #kept == 0 then return 1 end
return { hits, kept }
