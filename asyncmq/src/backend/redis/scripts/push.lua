-- push: takes jobs in, all or none.
--
-- KEYS   shared base, bases of the queues
-- ARGV   time, sender, sequence, slot, number of runs; for each run, jobs of one queue and lane: place of the queue in
--        KEYS, lane, profile, kind, number of jobs, then the jobs:
--          kind p: place in the batch (2 bytes) and id, body
--          kind x: the same, then due kind (n now, d delay, a time), due value, time to live and 1 more (0 for ever)
-- Reply  for each job that is kept already: its place, length of its profile (2 bytes each), its profile
-- Cost   6 commands, 5 for each run; per job one element each of HMGET, HSET, RPUSH
local recall, mark = S .. 'r' .. ARGV[2], ARGV[3] .. ':'
local known = call('HGET', recall, ARGV[4])
if known and sub(known, 1, #mark) == mark then return sub(known, #mark + 1) end
local now, at = time(), 5
local runs = tonumber(ARGV[at])
at = at + 1
local first = at
-- Everything is checked before anything is written: a lane's name must stand for one profile.
local is_new = {}
for _ = 1, runs do
  local Q, lane, profile, kind, count = KEYS[tonumber(ARGV[at])], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3],
    tonumber(ARGV[at + 4])
  local known = call('HGET', Q .. 'lanes', lane)
  if known and known ~= profile then return redis.error_reply('LANE two profiles share the name ' .. lane) end
  if not known then is_new[Q .. lane] = true end
  at = at + 5 + count * (kind == 'p' and 2 or 5)
end

local batches, headers, added, kept = {}, {}, {}, {}
local function special(Q, lane, item, id, i)
  local due, value, ttl = ARGV[i + 2], tonumber(ARGV[i + 3]), tonumber(ARGV[i + 4])
  local run_at = now
  if due == 'd' then run_at = now + value elseif due == 'a' then run_at = math.max(now, value) end
  local state, seq = now < run_at and 'd' or 'w', batches[Q] .. sub(item, 1, 2)
  local expires = ttl > 0 and run_at + ttl - 1 or 0
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
  local Q, lane, profile, kind, count = KEYS[tonumber(ARGV[at])], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3],
    tonumber(ARGV[at + 4])
  at = at + 5
  local step = kind == 'p' and 2 or 5
  local ids = {}
  for i = 1, count do ids[i] = sub(ARGV[at + (i - 1) * step], 3) end
  local have = call('HMGET', Q .. 'jobs', unpack(ids))
  local header, batch = headers[Q], batches[Q]
  if not header then
    local number = call('HINCRBY', Q .. 'meta', 'b', 1)
    if number == 1 then begin(Q) end
    batch = pack('>I5', number)
    header = batch .. pack('>I7', now)
    headers[Q], batches[Q], added[Q] = header, batch, 0
  end
  if is_new[Q .. lane] then call('HSET', Q .. 'lanes', lane, profile) end
  local fields, entries, n, noise = {}, {}, 0, noisy(Q)
  for i = 1, count do
    local item, id = ARGV[at], ids[i]
    if have[i] then
      local theirs = call('HGET', Q .. 'lanes', sub(have[i], 15, 23)) or ''
      kept[#kept + 1] = sub(item, 1, 2) .. pack('>I2', #theirs) .. theirs
      if noise then emit(Q, 12, id, have[i], 0, NOBODY, now, '-', '') end
    elseif kind == 'p' then
      fields[2 * n + 1] = id
      fields[2 * n + 2] = header .. ARGV[at + 1]
      n = n + 1
      entries[n] = batch .. item
      if noise then emit(Q, 1, id, fields[2 * n], 0, NOBODY, now, '-', '') end
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
  end
end
for Q, n in pairs(added) do
  if n > 0 then
    call('HINCRBY', Q .. 'meta', 'e', n)
    wake(Q)
  end
end
local answer = table.concat(kept)
if call('HSET', recall, ARGV[4], mark .. answer) > 0 then call('PEXPIRE', recall, 86400000) end
publish()
return answer
