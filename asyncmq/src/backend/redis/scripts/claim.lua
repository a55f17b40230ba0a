-- claim: promotes what is due and hands out the best waiting jobs of the known lanes.
--
-- KEYS   shared base, bases of the queues in the order in which they are taken from
-- ARGV   time, worker, sequence, lease, limit, claim (6 bytes that never come again), known lanes, foreign lanes
--        (each `,lane,lane,…,`)
-- Reply  strange lanes with their profiles (then nothing was claimed); microseconds to the next due job, or -1;
--        foreign lanes in which jobs wait, as place of the queue and lane;
--        for each queue that gave something: its place, the claim (8 bytes), entries, records, side records (empty
--        if there are none)
-- Cost   5 commands, 8 for each queue; per job one element each of LPOP, 2 HMGET, HSET
local now = time()
local PADDING = '            '
local worker, sequence, limit, known, foreign = ARGV[2], ARGV[3], tonumber(ARGV[5]), ARGV[7], ARGV[8]
local lease = string.format('%.0f', now + tonumber(ARGV[4]))
call('ZADD', S .. 'sessions', 'GT', lease, worker)

local own, mark = S .. 'r' .. worker, sequence .. ':'
local last = call('HGET', own, 'c')
if last and sub(last, 1, #mark) == mark then
  -- The same claim again: what is still in hand is given again.
  local next_due
  for k = 2, #KEYS do
    local due = call('HGET', KEYS[k] .. 'meta', 'p') and {} or call('ZRANGE', KEYS[k] .. 'delayed', 0, 0, 'WITHSCORES')
    if due[2] then next_due = math.min(next_due or math.huge, math.max(tonumber(due[2]) - now, 0)) end
  end
  local reply, i = { {}, next_due and string.format('%.0f', next_due) or -1, {} }, #mark + 1
  for _, part in ipairs(cmsgpack.unpack(sub(last, i))) do
    local place, claim, given = part[1], part[2], part[3]
    local Q, entries, records, sides = KEYS[place], {}, {}, {}
    for _, entry in ipairs(given) do
      local id = sub(entry, 8)
      local act = Q and call('HGET', Q .. 'active', id)
      if act and sub(act, 36) == claim .. entry and sub(act, 13, 28) == worker then
        entries[#entries + 1] = entry
        records[#records + 1] = call('HGET', Q .. 'jobs', id)
        sides[#sides + 1] = call('HGET', Q .. 'side', id) or ''
      end
    end
    reply[#reply + 1] = { place, claim, entries, records, sides }
  end
  return reply
end

-- An earlier claim that was held up on its way: its worker went on without it, and would never learn what it took.
if last and tonumber(string.match(last, '^%d+')) > tonumber(sequence) then return { {}, -1, {} } end

local rare_parts
local function rare()
  rare_parts = rare_parts or rarely()
  return rare_parts
end

-- First look: what is due, what waits, and whether all of it is known to the caller.
local open, strange, next_due, others = {}, {}, nil, {}
for k = 2, #KEYS do
  local Q = KEYS[k]
  local marks = call('HMGET', Q .. 'meta', 'p', 'i')
  -- From here on whatever comes wakes the caller.
  if not marks[2] then call('HSET', Q .. 'meta', 'i', 1) end
  if not marks[1] then
    local due = call('ZRANGE', Q .. 'delayed', 0, 0, 'WITHSCORES')
    if due[2] and tonumber(due[2]) <= now then
      rare().promote(Q)
      due = call('ZRANGE', Q .. 'delayed', 0, 0, 'WITHSCORES')
    end
    if due[2] then
      local wait = math.max(tonumber(due[2]) - now, 0)
      if not next_due or wait < next_due then next_due = wait end
    end
    local ready, lines = call('ZRANGE', Q .. 'ready', 0, -1), {}
    for _, line in ipairs(ready) do
      local lane = sub(line, 2)
      if string.find(known, lane, 1, true) then
        lines[#lines + 1] = line
      elseif string.find(foreign, lane, 1, true) then
        others[#others + 1] = k
        others[#others + 1] = lane
      else
        strange[#strange + 1] = lane
        strange[#strange + 1] = call('HGET', Q .. 'lanes', lane) or ''
      end
    end
    open[#open + 1] = { k, lines }
  end
end
next_due = next_due and string.format('%.0f', next_due) or -1
if #strange > 0 then return { strange, next_due, {} } end

-- However large the jobs are, the answer must arrive in time: after this many bytes no more are taken.
local room = 8388608
local reply, recall, total = { {}, next_due, others }, {}, 0
for q = 1, #open do
  local k, lines = open[q][1], open[q][2]
  local Q, claim = KEYS[k], ARGV[6] .. pack('>I2', k)
  -- An entry of `active`: padding, worker, start, claim, number and id. With more than 64 bytes in its values a hash is never
  -- kept as a list, which every command would search from its beginning.
  local prefix = PADDING .. worker .. pack('>I7', now) .. claim
  local taken, records, sides, has_sides, n = {}, {}, {}, false, 0
  local from = 1
  local is_special = #lines > 0 and call('EXISTS', Q .. 'tombs', Q .. 'side', Q .. 'wait', S .. 'ears') > 0
  while from <= #lines and total < limit and room > 0 do
    local priority, to = sub(lines[from], 2, 3), from
    while lines[to + 1] and sub(lines[to + 1], 2, 3) == priority do to = to + 1 end
    local want, entries = math.min(limit - total, 250), nil
    if from == to and sub(lines[from], 1, 1) == 'w' then
      entries = call('LPOP', Q .. lines[from], want) or {}
      if #entries < want then call('ZREM', Q .. 'ready', lines[from]) end
    else
      entries = rare().merge(Q, lines, from, to, want)
    end
    local is_empty = #entries < want
    if is_empty then from = to + 1 end
    if is_special and #entries > 0 then
      local dead, live = call('SMISMEMBER', Q .. 'tombs', unpack(entries)), {}
      for i = 1, #entries do
        if dead[i] == 1 then call('SREM', Q .. 'tombs', entries[i]) else live[#live + 1] = entries[i] end
      end
      entries = live
    end
    if #entries > 0 then
      local ids, fields, f = {}, {}, 0
      for i = 1, #entries do ids[i] = sub(entries[i], 8) end
      local found, notes = call('HMGET', Q .. 'jobs', unpack(ids)), {}
      if is_special then notes = call('HMGET', Q .. 'side', unpack(ids)) end
      for i = 1, #entries do
        local note, record = notes[i], found[i]
        if note and record then
          local s = rare().read_side(note)
          if s.expires > 0 then
            call('ZREM', Q .. 'mortal', ids[i])
            if s.attempt == 0 and s.crashes == 0 and s.expires <= now then
              rare().expire_job(Q, ids[i], record, s, now)
              record = nil
            end
          end
          if record and s.crashes > 0 then rare().hold_suspect(Q, ids[i]) end
          has_sides = has_sides or record ~= nil
        end
        if record then
          n = n + 1
          taken[n], records[n], sides[n] = entries[i], record, note or ''
          fields[f + 1], fields[f + 2] = ids[i], prefix .. entries[i]
          f, room = f + 2, room - #record
        end
      end
      if f > 0 then call('HSET', Q .. 'active', unpack(fields)) end
      total = total + f / 2
    end
  end
  if n > 0 then
    reply[#reply + 1] = { k, claim, taken, records, has_sides and sides or {} }
    recall[#recall + 1] = { k, claim, taken }
    if is_special and rare().noisy(Q) then
      for i = 1, n do
        local note = sides[i] ~= '' and unpick('>I4', sub(sides[i], 2, 5)) or 0
        rare().emit(Q, 2, sub(taken[i], 8), records[i], note + 1, worker, now, '-', '')
      end
    end
  end
end
if call('HSET', own, 'c', mark .. cmsgpack.pack(recall)) > 0 then call('PEXPIRE', own, 86400000) end
if rare_parts then rare_parts.publish() end
return reply
