-- claim: promotes what is due and hands out the best waiting jobs of the known lanes.
--
-- KEYS   shared base, bases of the queues in the order in which they are taken from
-- ARGV   time, worker, sequence, lease, limit, claim (6 bytes that never come again), known lanes, foreign lanes
--        (each `,lane,lane,…,`)
-- Reply  strange lanes with their profiles (then nothing was claimed); microseconds to the next due job, or -1;
--        foreign lanes in which jobs wait, as place of the queue and lane;
--        for each queue that gave something: its place, the claim (8 bytes, or 8 for each job), entries, records, side
--        records (empty if there are none)
-- Cost   5 commands, 8 for each queue; per job one element each of LPOP, 2 HMGET, HSET
local now = time()
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
  while i <= #last do
    local place, size = unpick('>I2I4', last, i)
    local Q, claims, entries, records, sides = KEYS[place], {}, {}, {}, {}
    local at, stop = i + 6, i + 5 + size
    while at <= stop do
      local claim, length = unpick('>c8I2', last, at)
      local entry = sub(last, at + 10, at + 9 + length)
      local id = sub(entry, 8)
      local act = Q and call('HGET', Q .. 'active', id)
      if act and sub(act, 24) == claim .. entry and sub(act, 1, 16) == worker then
        claims[#claims + 1] = claim
        entries[#entries + 1] = entry
        records[#records + 1] = call('HGET', Q .. 'jobs', id)
        sides[#sides + 1] = call('HGET', Q .. 'side', id) or ''
      end
      at = at + 10 + length
    end
    reply[#reply + 1] = { place, table.concat(claims), entries, records, sides }
    i = stop + 1
  end
  return reply
end

-- Lets jobs wait whose time has come, behind the others; a bounded number.
local function promote(Q)
  local due = call('ZRANGEBYSCORE', Q .. 'delayed', '-inf', now, 'LIMIT', 0, 500)
  local ids = {}
  for i = 1, #due do ids[i] = sub(due[i], 8) end
  local records, sides = call('HMGET', Q .. 'jobs', unpack(ids)), call('HMGET', Q .. 'side', unpack(ids))
  call('ZREM', Q .. 'delayed', unpack(due))
  local batch, lines, order, fields = fresh_batch(Q), {}, {}, {}
  for i = 1, #due do
    if records[i] and sides[i] then
      local place = pack('>I2', i)
      local crashes = unpick('>I4', sub(sides[i], 6, 9))
      local line = line_of(records[i], crashes)
      if not lines[line] then
        lines[line] = {}
        order[#order + 1] = line
      end
      table.insert(lines[line], batch .. place .. ids[i])
      fields[#fields + 1] = ids[i]
      fields[#fields + 1] = 'w' .. sub(sides[i], 2, 33) .. batch .. place .. sub(sides[i], 41)
    end
  end
  for _, line in ipairs(order) do
    call('RPUSH', Q .. line, unpack(lines[line]))
    is_ready(Q, line)
  end
  if #fields > 0 then call('HSET', Q .. 'side', unpack(fields)) end
end

-- First look: what is due, what waits, and whether all of it is known to the caller.
local open, strange, next_due, others = {}, {}, nil, {}
for k = 2, #KEYS do
  local Q = KEYS[k]
  -- From here on whatever comes wakes the caller.
  call('HSET', Q .. 'meta', 'i', 1)
  if not call('HGET', Q .. 'meta', 'p') then
    local due = call('ZRANGE', Q .. 'delayed', 0, 0, 'WITHSCORES')
    if due[2] and tonumber(due[2]) <= now then
      promote(Q)
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

local suspect
-- Tells whether the worker holds a job that has died with a process before.
local function has_suspect()
  if suspect == nil then
    local held = call('HGET', S .. 'suspects', worker)
    suspect = false
    if held then
      local size = unpick('>I2', held)
      local act = call('HGET', sub(held, 3, 2 + size) .. 'active', sub(held, 3 + size))
      suspect = act and sub(act, 1, 16) == worker or false
    end
  end
  return suspect
end

-- Takes up to `want` entries of the lists in `lines[from..to]`, which have one priority.
local function pop(Q, lines, from, to, want)
  if from == to and sub(lines[from], 1, 1) == 'w' then
    local entries = call('LPOP', Q .. lines[from], want) or {}
    if #entries < want then call('ZREM', Q .. 'ready', lines[from]) end
    return entries, #entries < want
  end
  local heads, given = {}, {}
  for i = from, to do
    local most = want
    if sub(lines[i], 1, 1) == 's' then most = has_suspect() and 0 or 1 end
    heads[i] = most > 0 and call('LRANGE', Q .. lines[i], 0, most - 1) or {}
    if #heads[i] == 0 and most > 0 then call('ZREM', Q .. 'ready', lines[i]) end
    given[i] = 0
  end
  local entries, has_one = {}, false
  while #entries < want do
    local best, least
    for i = from, to do
      local entry = heads[i][given[i] + 1]
      if entry and not (has_one and sub(lines[i], 1, 1) == 's') then
        local mine = number(entry)
        if not least or mine < least then best, least = i, mine end
      end
    end
    if not best then break end
    has_one = has_one or sub(lines[best], 1, 1) == 's'
    given[best] = given[best] + 1
    entries[#entries + 1] = heads[best][given[best]]
  end
  for i = from, to do
    if given[i] > 0 then call('LPOP', Q .. lines[i], given[i]) end
  end
  return entries, #entries < want
end

-- However large the jobs are, the answer must arrive in time: after this many bytes no more are taken.
local room = 8388608
local reply, recall, total = { {}, next_due, others }, { mark }, 0
for q = 1, #open do
  local k, lines = open[q][1], open[q][2]
  local Q, claim = KEYS[k], ARGV[6] .. pack('>I2', k)
  local prefix = worker .. pack('>I7', now) .. claim
  local taken, records, sides, has_sides = {}, {}, {}, false
  local from = 1
  local has_tombs = #lines > 0 and call('EXISTS', Q .. 'tombs') == 1
  while from <= #lines and total < limit and room > 0 do
    local priority, to = sub(lines[from], 2, 3), from
    while lines[to + 1] and sub(lines[to + 1], 2, 3) == priority do to = to + 1 end
    local entries, is_empty = pop(Q, lines, from, to, math.min(limit - total, 250))
    if is_empty then from = to + 1 end
    if has_tombs and #entries > 0 then
      local dead, live = call('SMISMEMBER', Q .. 'tombs', unpack(entries)), {}
      for i = 1, #entries do
        if dead[i] == 1 then call('SREM', Q .. 'tombs', entries[i]) else live[#live + 1] = entries[i] end
      end
      entries = live
    end
    if #entries > 0 then
      local ids, fields = {}, {}
      for i = 1, #entries do ids[i] = sub(entries[i], 8) end
      local found, notes = call('HMGET', Q .. 'jobs', unpack(ids)), call('HMGET', Q .. 'side', unpack(ids))
      for i = 1, #entries do
        local note, runs = notes[i], found[i]
        if note and runs then
          local s = read_side(note)
          if s.expires > 0 then
            call('ZREM', Q .. 'mortal', ids[i])
            if s.attempt == 0 and s.crashes == 0 and s.expires <= now then
              runs = false
              expire_job(Q, ids[i], found[i], s, now)
            end
          end
          if runs and s.crashes > 0 then
            call('HSET', S .. 'suspects', worker, pack('>I2c0', #Q, Q) .. ids[i])
            suspect = true
          end
          if runs then has_sides = true end
        end
        if runs then
          fields[#fields + 1] = ids[i]
          fields[#fields + 1] = prefix .. entries[i]
          taken[#taken + 1] = entries[i]
          records[#taken] = runs
          room = room - #runs
          sides[#taken] = note or ''
        end
      end
      if #fields > 0 then call('HSET', Q .. 'active', unpack(fields)) end
      total = total + #fields / 2
    end
  end
  if #taken > 0 then
    reply[#reply + 1] = { k, claim, taken, records, has_sides and sides or {} }
    local parts = {}
    for i = 1, #taken do parts[i] = claim .. pack('>I2', #taken[i]) .. taken[i] end
    local all = table.concat(parts)
    recall[#recall + 1] = pack('>I2I4', k, #all) .. all
    if noisy(Q) then
      for i = 1, #taken do
        local note = sides[i] ~= '' and unpick('>I4', sub(sides[i], 2, 5)) or 0
        emit(Q, 2, sub(taken[i], 8), records[i], note + 1, worker, now, '-', '')
      end
    end
  end
end
if call('HSET', own, 'c', table.concat(recall)) > 0 then call('PEXPIRE', own, 86400000) end
publish()
return reply
