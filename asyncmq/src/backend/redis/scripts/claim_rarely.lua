-- Lets jobs wait whose time has come, behind the others; a bounded number. Returns what is due next.
local function promote(Q)
  local due = call('ZRANGEBYSCORE', Q .. 'delayed', '-inf', now, 'LIMIT', 0, 250)
  local ids = {}
  for i = 1, #due do ids[i] = sub(due[i], 8) end
  local records, sides = call('HMGET', Q .. 'jobs', unpack(ids)), call('HMGET', Q .. 'side', unpack(ids))
  call('ZREM', Q .. 'delayed', unpack(due))
  local batch, lines, order, fields = fresh_batch(Q), {}, {}, {}
  for i = 1, #due do
    if records[i] and sides[i] then
      local place = pack('>I2', i)
      local line = line_of(records[i], byte(sides[i], 6) > 127)
      if not lines[line] then
        lines[line] = {}
        order[#order + 1] = line
      end
      table.insert(lines[line], ids[i])
      fields[#fields + 1] = ids[i]
      fields[#fields + 1] = 'w' .. sub(sides[i], 2, 33) .. batch .. place .. sub(sides[i], 41)
    end
  end
  append_all(Q, lines, order)
  if #fields > 0 then call('HSET', Q .. 'side', unpack(fields)) end
  return call('ZRANGE', Q .. 'delayed', 0, 0, 'WITHSCORES')
end

local suspect
-- Tells whether the worker holds a job that lives its last life.
local function has_suspect()
  if suspect == nil then
    local held = call('HGET', S .. 'suspects', worker)
    suspect = false
    if held then
      local size = unpick('>I2', held)
      local base, id = sub(held, 3, 2 + size), sub(held, 3 + size)
      local act, side = call('HGET', base .. 'active', id), call('HGET', base .. 'side', id)
      -- It may be in hand once more, after a replay, and no suspect.
      suspect = act and sub(act, 1, 16) == worker and side and byte(side, 6) > 127 or false
    end
  end
  return suspect
end

-- Takes up to `want` ids out of the lists in `lines[from..to]`, which have one priority, in the order of their numbers.
-- Returns them, each with its list and its record. `rest` tells how many of a list may be taken, and counts them.
local function merge(Q, lines, from, to, want, rest)
  local ids, origins, found, has_one = {}, {}, {}, false
  local heads, numbers, records, given, at = {}, {}, {}, {}, {}
  local at_first = math.min(16, math.max(4, math.ceil(want / (to - from + 1))))
  -- Looks at so many more of a list as were taken from it already: seldom at many that the others come before.
  local function fetch(i)
    local most = want
    if sub(lines[i], 1, 1) == 's' then most = has_suspect() and 0 or 1 end
    local first = given[i]
    local last = math.min(first + math.min(math.max(at_first, first), want - #ids), most) - 1
    heads[i] = first <= last and call('LRANGE', Q .. lines[i], first, last) or {}
    at[i] = 0
    if #heads[i] > 0 then
      numbers[i], records[i] = numbers_of(Q, heads[i])
    elseif first == 0 and most > 0 then
      call('ZREM', Q .. 'ready', lines[i])
    end
  end
  for i = from, to do
    given[i] = 0
    fetch(i)
  end
  while #ids < want do
    local best, least
    for i = from, to do
      local mine = heads[i][at[i] + 1] and numbers[i][at[i] + 1]
      local may = mine and not (has_one and sub(lines[i], 1, 1) == 's') and not (rest and rest(lines[i]) < 1)
      if may and (not least or mine < least) then
        best, least = i, mine
      end
    end
    if not best then break end
    if rest then rest(lines[best], 1) end
    has_one = has_one or sub(lines[best], 1, 1) == 's'
    given[best], at[best] = given[best] + 1, at[best] + 1
    ids[#ids + 1] = heads[best][at[best]]
    origins[#ids], found[#ids] = lines[best], records[best][at[best]]
    if at[best] == #heads[best] then fetch(best) end
  end
  for i = from, to do
    if given[i] > 0 then call('LPOP', Q .. lines[i], given[i]) end
  end
  return ids, origins, found
end

local function hold_suspect(Q, id)
  call('HSET', S .. 'suspects', worker, pack('>I2c0', #Q, Q) .. id)
  suspect = true
end
-- Leaves the void ones out of ids that were taken from `line`, or from a list each, with their records if there are any.
local function alive(Q, line, ids, origins, found)
  if not origins then return living(Q, line, ids), nil end
  if call('EXISTS', Q .. 'tombs') == 0 then return ids, found end
  local live, records = {}, {}
  for i = 1, #ids do
    if #living(Q, origins[i], { ids[i] }) == 1 then
      live[#live + 1] = ids[i]
      records[#live] = found[i]
    end
  end
  return live, records
end
-- Returns a job's record if it may start, given its side record: not if its time to live is over.
local function may_start(Q, id, record, note)
  local s = read_side(note)
  if s.expires > 0 then
    call('ZREM', Q .. 'mortal', id)
    if s.attempt == 0 and s.crashes == 0 and s.expires <= now then
      expire_job(Q, id, record, s, now)
      return nil
    end
  end
  if s.suspect then hold_suspect(Q, id) end
  return record
end
local function tell_started(Q, ids, records, sides)
  if not noisy(Q) then return end
  for i = 1, #ids do
    local before = sides[i] ~= '' and unpick('>I4', sub(sides[i], 2, 5)) or 0
    emit(Q, 2, ids[i], records[i], before + 1, worker, now, '-', '')
  end
end
