-- Claiming where there are limits or keys.
-- Takes up to `most` ids out of lists of jobs without keys, in the order of their numbers.
local function take_plain(hold, lines, most, taken)
  local Q, rest, open, names = hold.Q, {}, {}, {}
  for _, line in ipairs(lines) do
    local name = task_in(Q, line)
    names[line] = name
    local limit = hold.tasks[name]
    if limit then make_room_in(hold, line, name, limit) end
    if not rest[name] then
      rest[name] = left(hold, name, limit)
      if rest[name] == 0 then refuse(hold, name, limit) end
    end
    if rest[name] > 0 then open[#open + 1] = line end
  end
  if #open == 0 then return end
  local ids, origins
  if #open == 1 and sub(open[1], 1, 1) == 'w' then
    local want = math.min(most, rest[names[open[1]]], 250)
    ids = call('LPOP', Q .. open[1], want) or {}
    if #ids < want then call('ZREM', Q .. 'ready', open[1]) end
  else
    ids, origins = rare().merge(Q, open, 1, #open, math.min(most, 250), function(line, count)
      local name = names[line]
      if count then rest[name] = rest[name] - count end
      return rest[name]
    end)
  end
  for i, id in ipairs(ids) do
    local line = origins and origins[i] or open[1]
    local name = names[line]
    if hold.tasks[name] then hold.pending[name] = (hold.pending[name] or 0) + 1 end
    put(taken, Q .. line, name, hold.tasks[name] or false, id)
  end
end
-- Takes up to `want` ids out of the lists and rings that the worker knows; those of one priority have equal parts.
local function take_held(hold, lines, want, lot)
  local taken, from = { n = 0, ids = {}, lists = {}, names = {}, limits = {}, aside = {}, started = {},
    limit_of = {} }, 1
  local may = hold.queue and left(hold, '', hold.queue)
  if may == 0 then refuse(hold, '', hold.queue) end
  want = math.min(want, may or want)
  while from <= #lines and taken.n < want do
    local level, to = level_of(lines[from]), from
    while lines[to + 1] and level_of(lines[to + 1]) == level do to = to + 1 end
    local parties, plain = {}, {}
    for i = from, to do
      local list = byte(lines[i], 1) < 97 and parties or plain
      list[#list + 1] = lines[i]
    end
    if #plain > 0 then parties[#parties + 1] = plain end
    repeat
      local before = taken.n
      local share = math.ceil((want - before) / #parties)
      for j = 1, #parties do
        local party, most = parties[(lot + j) % #parties + 1], math.min(share, want - taken.n)
        if most <= 0 then break end
        if type(party) == 'table' then take_plain(hold, party, most, taken) else take_ring(hold, party, most, taken) end
      end
    until taken.n == before or taken.n >= want
    from = to + 1
  end
  return taken
end

-- Takes note that one of the jobs that were taken starts. Returns its entry of `active`.
local function entry_of(hold, taken, i, held, holders)
  local limit, name = taken.limits[i], taken.names[i]
  if limit.kind ~= 0 then
    taken.started[name] = (taken.started[name] or 0) + 1
  elseif limit.most then
    hold.running[name], hold.changed[name] = hold.running[name] + 1, true
  end
  if not limit.most then return held end
  if not limit.stops then return held .. 'g' .. (lengths[#name] or length_of(name)) .. name end
  holders[#holders + 1], holders[#holders + 2] = 0, holder(name, sub(held, 17, 23), taken.ids[i])
  return held .. 'c' .. length_of(name) .. name
end
-- Gives those of the jobs that were taken which may start to a worker. Returns how many there are of them.
local function give(hold, taken, given, held, extras)
  local Q, taken_ids, limits, has_tombs, has_sides = hold.Q, taken.ids, taken.limits, extras and extras.tombs, extras and extras.side
  local records, notes, fields, holders = call('HMGET', Q .. 'jobs', unpack(taken_ids)), {}, {}, {}
  if has_sides then notes = sides_of(Q, taken_ids, records) end
  local ids, all, sides, n, f, room, history = given.ids, given.records, given.sides, given.n, 0, given.room, held .. 'h'
  for i = 1, taken.n do
    local id, record, note = taken_ids[i], records[i], notes[i]
    if has_tombs and #rare().living(Q, sub(taken.lists[i], #Q + 1), { id }) == 0 then record = nil end
    if note and record then record = startable(Q, id, record, note) end
    if record then
      n = n + 1
      ids[n], all[n], sides[n] = id, record, note or ''
      if note then given.has_sides = true end
      room = room - #record
      local entry = note and history or held
      if limits[i] then entry = entry_of(hold, taken, i, entry, holders) end
      fields[f + 1], fields[f + 2] = id, n == 1 and entry .. PADDING or entry
      f = f + 2
    end
  end
  local count = n - given.n
  given.n, given.room = n, room
  if f > 0 then call('HSET', Q .. 'active', unpack(fields)) end
  if #holders > 0 then call('ZADD', Q .. 'holders', unpack(holders)) end
  for name, number in pairs(taken.started) do started(hold, name, taken.limit_of[name], number) end
  return count
end
-- Hands jobs out of one queue, as far as its limits let them start. `given` has what was handed out already.
local function claim_held(Q, lines, extras, given, limit, held, weighted)
  local hold = hold_of(Q, weighted)
  while given.n < limit and given.room > 0 do
    local taken = take_held(hold, lines, math.min(limit - given.n, 250), byte(held, 24))
    for _, one in ipairs(taken.aside) do join(Q, one[1], { one[2] }) end
    if #hold.timed > 0 then call('ZADD', Q .. 'parked', unpack(hold.timed)) end
    hold.timed = {}
    if taken.n == 0 then break end
    local count = give(hold, taken, given, held, extras)
    hold.pending = {}
    if hold.queue and count > 0 then
      load_groups(hold, { '' })
      started(hold, '', hold.queue, count)
      hold.active = hold.active + count
    end
  end
  save_groups(hold)
  return hold.looked >= 1000
end
-- Returns when a token is there that something may wait for.
local function next_token(Q)
  local first = call('ZRANGE', Q .. 'parked', 0, 0, 'WITHSCORES')[2]
  first = first and tonumber(first)
  if call('EXISTS', Q .. 'ready') == 0 then return first end
  local hold = hold_of(Q)
  local function note(name, limit)
    local may, time = left(hold, name, limit)
    if may == 0 and time and (not first or time < first) then first = time end
  end
  if hold.queue then note('', hold.queue) end
  for task, limit in pairs(hold.tasks) do note(task, limit) end
  return first
end
return { leave = leave, unpark = unpark, sweep = sweep, claim_held = claim_held, next_token = next_token }
end
local limited_parts
local function holding()
  limited_parts = limited_parts or limited()
  return limited_parts
end
