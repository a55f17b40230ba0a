-- push: takes jobs in, all or none.
--
-- KEYS   shared base, bases of the queues
-- ARGV   time, sender, sequence, slot, number of runs; for each run, jobs of one queue and lane: place of the queue in
--        KEYS, lane, profile, kind, number of jobs, then their ids, then their bodies (each begins with the job's place in
--        the batch, 2 bytes); kind t is jobs that are plain but for the key by which they take turns; for kinds x and k then for
--        each: due kind (n now, d delay, a time), due value, time to live and 1 more (0 for ever); for kind k also mode (empty for
--        none), window (0 for none) and deduplication key, and parents (see kin)
-- Reply  for each job that is kept already: its place, length of its profile (2 bytes each), its profile; in the place of a
--        profile D, length of an id (2 bytes), id and task of the job that holds its key, R and the id of the one that it replaced,
--        P and the place of a parent that is not known (4 bytes)
-- Cost   4 commands, 1 for each queue, 6 for each run (5 of one job), 9 of kind x; per job one element each of HMGET, HSET, RPUSH; of kind x of HSET, ZADD too;
--        a run of kind k 9 to 11 if no job of it meets another, else 8 to 20 a job; with a key to take turns by, 3 for each key
local now, at = time(), 6
local runs, marks, entered = {}, {}, {}
-- Everything is checked before anything is written: a lane's name must stand for one profile.
for r = 1, tonumber(ARGV[5]) do
  local Q, lane, profile, kind, count = KEYS[tonumber(ARGV[at])], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3],
    tonumber(ARGV[at + 4])
  local own = call('HGET', Q .. 'meta', lane)
  if own and own ~= profile then return redis.error_reply('LANE two profiles share the name ' .. lane) end
  if not marks[Q] then
    marks[Q] = tonumber(call('GET', Q .. 'n') or 0)
    entered[Q] = has_mark(marks[Q], ROOM) and {} or nil
  end
  runs[r] = { Q, lane, not own and profile, kind, count, at + 5 }
  at = at + 5 + count * (kind == 'x' and 5 or kind == 'k' and 9 or 2)
end
local rare_parts, let_wait, take_together
local function rare()
  rare_parts = rare_parts or rarely()
  return rare_parts
end

local headers, kept = {}, {}
-- Counts jobs in, and notes what their records begin with.
local function count_in(Q, n)
  local number = call('INCRBY', Q .. 'n', n)
  if number % COUNTED == n then begin(Q) end
  -- One that made room for another, or ended as it came, may have let others wait: these stand before.
  if rare_parts and rare_parts.renumbered[Q] then headers[Q], rare_parts.renumbered[Q] = nil, nil end
  headers[Q] = headers[Q] or pack('>I5I7', number, now)
end
-- Lets jobs wait behind the others; those that take turns by key in the list of their key. `records` begin with what records do from `at` on.
local function append(Q, lane, ids, records, at)
  local is_keyed, lines = byte(lane, 1) > 102, nil
  if is_keyed then
    let_wait = let_wait or by_key()
    lines = let_wait(Q, lane, ids, records, at, entered[Q])
  end
  for _, line in ipairs(entered[Q] and (lines or { 'w' .. lane }) or {}) do entered[Q][line] = true end
  if is_keyed then return end
  if #ids > 0 and call('RPUSH', Q .. 'w' .. lane, unpack(ids)) == #ids then
    call('ZADD', Q .. 'ready', tonumber(sub(lane, 1, 2), 16), 'w' .. lane)
  end
end
-- Takes in jobs that need more than that, that somebody listens to, or of which some are kept already.
local function take_in(Q, lane, kind, count, first, have)
  local records, fields, waiting, their_records, parts = {}, {}, {}, {}, rare()
  local header = kind == 'x' and headers[Q] and parts.with_side(headers[Q]) or headers[Q]
  local times = { side = {}, delayed = {}, mortal = {} }
  for i = 1, count do
    local id, body = ARGV[first + i - 1], ARGV[first + count + i - 1]
    if have[i] then
      local theirs = call('HGET', Q .. 'meta', sub(have[i], 15, 23)) or ''
      kept[#kept + 1] = sub(body, 1, 2) .. pack('>I2', #theirs) .. theirs
    else
      records[i] = header .. body
      fields[#fields + 1], fields[#fields + 2] = id, records[i]
      if kind ~= 'x' or parts.waits(id, records[i], first + 2 * count + 3 * (i - 1), times) then
        local n = #waiting + 1
        waiting[n], their_records[n] = id, records[i]
      end
    end
  end
  if #fields > 0 then call('HSET', Q .. 'jobs', unpack(fields)) end
  if #times.side > 0 then call('HSET', Q .. 'side', unpack(times.side)) end
  if #times.delayed > 0 then call('ZADD', Q .. 'delayed', unpack(times.delayed)) end
  if #times.mortal > 0 then call('ZADD', Q .. 'mortal', unpack(times.mortal)) end
  append(Q, lane, waiting, their_records, 24)
  if not parts.noisy(Q) then return end
  for i = 1, count do
    parts.emit(Q, have[i] and 12 or 1, ARGV[first + i - 1], have[i] or records[i], 0, parts.NOBODY, now, '-', '')
  end
end

-- Tells whether somebody listens. Asked once the jobs are counted in, as a queue's first ones are told unasked.
local function is_heard(Q)
  return call('EXISTS', S .. 'ears', Q .. 'wait') > 0
end
-- Takes a lone plain job in, with one command less if nobody listens and it is not kept already.
local function take_one(Q, lane, first)
  local header = headers[Q]
  count_in(Q, 1)
  if not is_heard(Q) and call('HSETNX', Q .. 'jobs', ARGV[first], headers[Q] .. ARGV[first + 1]) == 1 then
    return append(Q, lane, { ARGV[first] })
  end
  local have = call('HMGET', Q .. 'jobs', ARGV[first])
  if have[1] then
    call('INCRBY', Q .. 'n', -1)
    headers[Q] = header and headers[Q]
  end
  take_in(Q, lane, 'p', 1, first, have)
end
-- What jobs with deduplication keys need of a push.
local into = {
  count_in = count_in,
  append = append,
  header = function(Q) return headers[Q] end,
  is_heard = is_heard,
  waits = function(...) return rare().waits(...) end,
  tell_of = function(Q, jobs)
    for n = 1, #jobs, 2 do rare().emit(Q, 1, jobs[n], jobs[n + 1], 0, rare().NOBODY, now, '-', '') end
  end,
  met = function(body, what) kept[#kept + 1] = sub(body, 1, 2) .. pack('>I2', #what) .. what end,
}
-- Takes a run in.
local function take_run(Q, lane, kind, count, first)
  if kind == 'k' and count > 1 then
    take_together = take_together or together()
    if take_together(Q, lane, ARGV[first - 3], count, first, into) then return end
  end
  if kind == 'k' then return rare().take_all_keyed(Q, lane, ARGV[first - 3], count, first, into) end
  if kind == 'p' and count == 1 then return take_one(Q, lane, first) end
  local have, new = call('HMGET', Q .. 'jobs', unpack(ARGV, first, first + count - 1)), count
  for i = 1, count do
    if have[i] then new = new - 1 end
  end
  if new > 0 then count_in(Q, new) end
  if kind == 'x' or new < count or is_heard(Q) then return take_in(Q, lane, kind, count, first, have) end
  local header, fields, bodies = headers[Q], {}, first + count - 1
  for i = 1, count do
    fields[2 * i - 1] = ARGV[first + i - 1]
    fields[2 * i] = header .. ARGV[bodies + i]
  end
  call('HSET', Q .. 'jobs', unpack(fields))
  append(Q, lane, { unpack(ARGV, first, bodies) }, kind == 't' and { unpack(ARGV, bodies + 1, bodies + count) }, 12)
end

for r = 1, #runs do
  local Q, lane, profile, kind, count, first = unpack(runs[r])
  if profile then call('HSET', Q .. 'meta', lane, profile) end
  take_run(Q, lane, kind, count, first)
end
for Q, lines in pairs(entered) do rare().make_room_in(Q, lines) end
for Q in pairs(headers) do
  if has_mark(marks[Q], WAKE) then wake(Q) end
end
-- Keeps the answer for a repeated call, and tells what happened.
local function finish(answer)
  -- Kept for as long as its sender sends: it is renewed once every 64 calls.
  if call('HSET', recall, ARGV[4], mark .. answer) > 0 or string.find(ARGV[4], '^%a0') then call('PEXPIRE', recall, 86400000) end
  if rare_parts then rare_parts.publish() end
  return rare_parts and rare_parts.sealed(answer) or answer
end
