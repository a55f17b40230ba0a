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
    ids, origins = merge(Q, open, 1, #open, math.min(most, 250), function(line, count)
      local name = names[line]
      if count then rest[name] = rest[name] - count end
      return rest[name]
    end)
  end
  for i, id in ipairs(ids) do
    local line = origins and origins[i] or open[1]
    local name = names[line]
    if hold.tasks[name] then hold.pending[name] = (hold.pending[name] or 0) + 1 end
    put(taken, line, name, hold.tasks[name], { id })
  end
end
-- Takes up to `want` ids out of the lists and rings that the worker knows; those of one priority have equal parts.
local function take_held(hold, lines, want, lot)
  local taken, from = { ids = {}, lines = {}, names = {}, limits = {}, aside = {} }, 1
  local may = hold.queue and left(hold, '', hold.queue)
  if may == 0 then refuse(hold, '', hold.queue) end
  want = math.min(want, may or want)
  while from <= #lines and #taken.ids < want do
    local level, to = level_of(lines[from]), from
    while lines[to + 1] and level_of(lines[to + 1]) == level do to = to + 1 end
    local parties, plain = {}, {}
    for i = from, to do
      local list = byte(lines[i], 1) < 97 and parties or plain
      list[#list + 1] = lines[i]
    end
    if #plain > 0 then parties[#parties + 1] = plain end
    repeat
      local before = #taken.ids
      local share = math.ceil((want - before) / #parties)
      for j = 1, #parties do
        local party, most = parties[(lot + j) % #parties + 1], math.min(share, want - #taken.ids)
        if most <= 0 then break end
        if type(party) == 'table' then take_plain(hold, party, most, taken) else take_ring(hold, party, most, taken) end
      end
    until #taken.ids == before or #taken.ids >= want
    from = to + 1
  end
  return taken
end

local lengths = {}
local function length_of(name)
  lengths[#name] = lengths[#name] or pack('>I2', #name)
  return lengths[#name]
end
-- Hands jobs out of one queue, as far as its limits let them start. `given` has what was handed out already.
local function claim_held(Q, lines, extras, given, limit, held, weighted)
  local hold, holders = hold_of(Q, weighted), {}
  while given.n < limit and given.room > 0 do
    local taken = take_held(hold, lines, math.min(limit - given.n, 250), byte(held, 24))
    for _, one in ipairs(taken.aside) do join(Q, one[1], { one[2] }) end
    if #hold.timed > 0 then call('ZADD', Q .. 'parked', unpack(hold.timed)) end
    hold.timed = {}
    if #taken.ids == 0 then break end
    local records, notes, fields = call('HMGET', Q .. 'jobs', unpack(taken.ids)), {}, {}
    if extras and extras.side then notes = sides_of(Q, taken.ids, records) end
    local counts, limits, in_all = {}, {}, 0
    for i, id in ipairs(taken.ids) do
      local record, note, name = records[i], notes[i], taken.names[i]
      if extras and extras.tombs and #living(Q, taken.lines[i], { id }) == 0 then record = nil end
      if record and note then record = may_start(Q, id, record, note) end
      if record then
        given.n = given.n + 1
        given.ids[given.n], given.records[given.n], given.sides[given.n] = id, record, note or ''
        given.has_sides = given.has_sides or note
        given.room = given.room - #record
        local limited = taken.limits[i]
        local tail = note and 'h' or ''
        if limited and limited.most then
          tail = tail .. (limited.stops and 'c' or 'g') .. length_of(name) .. name
          if limited.stops then
            holders[#holders + 1], holders[#holders + 2] = 0, holder(name, sub(held, 17, 23), id)
          end
        end
        if given.n == 1 then tail = tail .. PADDING end
        fields[#fields + 1], fields[#fields + 2] = id, held .. tail
        in_all = in_all + 1
        if limited then
          counts[name], limits[name] = (counts[name] or 0) + 1, limited
        end
      end
    end
    if #fields > 0 then call('HSET', Q .. 'active', unpack(fields)) end
    if #holders > 0 then call('ZADD', Q .. 'holders', unpack(holders)) end
    hold.pending, holders = {}, {}
    for name, count in pairs(counts) do started(hold, name, limits[name], count) end
    if hold.queue and in_all > 0 then
      load_groups(hold, { '' })
      started(hold, '', hold.queue, in_all)
      hold.active = hold.active + in_all
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
