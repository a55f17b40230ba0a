-- The waiting lists: one per lane, each of the ids of its jobs in the order of their numbers.
local function number(seq)
  if not seq then return -1 end
  local batch, place = unpick('>I5I2', seq)
  return batch * 65536 + place
end
-- Returns the numbers of jobs, -1 for those that are gone, and their records.
local function numbers_of(Q, ids)
  local records, numbers = call('HMGET', Q .. 'jobs', unpack(ids)), {}
  local sides = sides_of(Q, ids, records)
  for i = 1, #ids do numbers[i] = number(seq_of(records[i], sides[i])) end
  return numbers, records
end
-- The queues in which jobs were let wait anew by this step.
local renumbered = {}
-- Returns the first bytes of the number for jobs that wait anew, and counts that they were not taken in anew.
local function fresh_batch(Q)
  renumbered[Q] = true
  call('HINCRBY', Q .. 'meta', 'r', 1)
  return pack('>I5', call('INCR', Q .. 'n'))
end
-- Returns the list in which a job waits: of its lane, or of its key.
local function line_of(rec, suspect)
  local line = (suspect and 's' or 'w') .. sub(rec, 15, 23)
  if byte(rec, 15) < 103 then return line end
  return line .. sub(rec, 25, 24 + byte(rec, 24))
end
-- Lets a job wait behind the others.
local function append(Q, line, id)
  if call('RPUSH', Q .. line, id) == 1 then are_ready(Q, { line }) end
end
-- Returns the first place from `at` on, and before `most`, whose job is not gone, and the number of that one.
local function numbered(Q, key, at, most)
  local count = 1
  while at < most do
    local ids = call('LRANGE', key, at, math.min(at + count, most) - 1)
    local numbers = numbers_of(Q, ids)
    for i = 1, #ids do
      if numbers[i] >= 0 then return at + i - 1, numbers[i] end
    end
    if #ids == 0 then return end
    at, count = at + #ids, 64
  end
end
-- Lets a job wait where its number belongs: in front of the others, as a rule, as it was taken from there.
local function put_back(Q, line, seq, id)
  local key, mine, size = Q .. line, number(seq), call('LLEN', Q .. line)
  if size == 0 then
    call('RPUSH', key, id)
    return are_ready(Q, { line })
  end
  local numbers = numbers_of(Q, { call('LINDEX', key, 0), call('LINDEX', key, -1) })
  if mine < numbers[1] then return call('LPUSH', key, id) end
  if numbers[2] >= 0 and numbers[2] < mine then return call('RPUSH', key, id) end
  local from, to = 0, size
  while from < to do
    local middle = math.floor((from + to) / 2)
    local at, its = numbered(Q, key, middle, to)
    if at and its < mine then from = at + 1 else to = middle end
  end
  if from == size then return call('RPUSH', key, id) end
  call('LINSERT', key, 'BEFORE', call('LINDEX', key, from), id)
end
-- Takes a job out of a list: for good near the ends, else by a note of how many of its places there are void. The first
-- ones are: whatever waits again in the same list stands behind them.
local function bury(Q, line, id)
  local key = Q .. line
  if call('LPOS', key, id, 'MAXLEN', 1000) then
    call('LREM', key, 1, id)
  elseif call('LPOS', key, id, 'RANK', -1, 'MAXLEN', 1000) then
    call('LREM', key, -1, id)
  else
    call('HINCRBY', Q .. 'tombs', line .. id, 1)
  end
end
-- Leaves the void ones out of ids that were taken from the front of a list.
local function living(Q, line, ids)
  if #ids == 0 or call('EXISTS', Q .. 'tombs') == 0 then return ids end
  local fields, live = {}, {}
  for i = 1, #ids do fields[i] = line .. ids[i] end
  local void, left = call('HMGET', Q .. 'tombs', unpack(fields)), {}
  for i = 1, #ids do
    local count = left[ids[i]] or tonumber(void[i] or 0)
    if count == 0 then
      live[#live + 1] = ids[i]
    else
      left[ids[i]] = call('HINCRBY', Q .. 'tombs', fields[i], -1)
      if left[ids[i]] == 0 then call('HDEL', Q .. 'tombs', fields[i]) end
    end
  end
  return live
end
-- Lets jobs wait behind the others: `by_line` has the ids of each list, `order` the lists.
local function append_all(Q, by_line, order)
  local fresh = {}
  for _, line in ipairs(order) do
    local ids = by_line[line]
    if call('RPUSH', Q .. line, unpack(ids)) == #ids then fresh[#fresh + 1] = line end
  end
  are_ready(Q, fresh)
end
-- Takes note of when the time to live ends of a job that has not started yet.
local function note_end(Q, id, s)
  if s.expires > 0 and s.attempt == 0 and s.crashes == 0 then call('ZADD', Q .. 'mortal', s.expires, id) end
end
-- Takes a waiting job out of its list so that it may come back to its place.
local function withdraw(Q, id, rec, s)
  call('LREM', Q .. line_of(rec, s.suspect), 1, id)
  if s.expires > 0 then call('ZREM', Q .. 'mortal', id) end
end
local function delayed_member(s, id)
  return s.seq .. id
end
-- Takes a waiting, delayed or blocked job out of where it would be found.
local function displace(Q, id, rec, s)
  if s.state == 'd' then
    call('ZREM', Q .. 'delayed', delayed_member(s, id))
  elseif s.state == 'b' then
    call('ZREM', Q .. 'blocked', id)
  else
    bury(Q, line_of(rec, s.suspect), id)
  end
  if s.expires > 0 then call('ZREM', Q .. 'mortal', id) end
end
