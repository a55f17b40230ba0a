-- Claiming where there are limits or keys.
local holds = {}
-- Returns what a queue is held to, with what is known of its groups.
local function hold_of(Q)
  if holds[Q] then return holds[Q] end
  local hold = { Q = Q, tasks = {}, groups = {}, changed = {}, looked = 0 }
  local all = call('HGETALL', Q .. 'held')
  for i = 1, #all, 2 do
    if all[i] == '' then hold.queue = read_limit(all[i + 1]) else hold.tasks[all[i]] = read_limit(all[i + 1]) end
  end
  hold.active = hold.queue and hold.queue.most and call('HLEN', Q .. 'active') or 0
  holds[Q] = hold
  return hold
end
local function load_groups(hold, names)
  local missing = {}
  for _, name in ipairs(names) do
    if not hold.groups[name] then missing[#missing + 1] = name end
  end
  if #missing == 0 then return end
  local found = call('HMGET', hold.Q .. 'groups', unpack(missing))
  for i, name in ipairs(missing) do
    local g = read_group(found[i])
    g.pending = 0
    hold.groups[name] = g
  end
end
local function tokens_of(limit, g)
  if g.at == 0 then return limit.permits end
  local gained = math.max(now - g.at, 0) * limit.permits / limit.interval
  return math.min(g.tokens + gained + 1e-9, limit.permits)
end
-- Returns how many may start under a rate; if none, when the next may, or nothing.
local function rate_left(limit, g)
  if limit.permits == 0 then return 0 end
  if limit.kind == 1 then
    local tokens = tokens_of(limit, g) - g.pending
    if tokens >= 1 then return math.floor(tokens) end
    return 0, now + math.ceil((1 - tokens) * limit.interval / limit.permits)
  end
  local started = g.pending
  for _, start in ipairs(g.window) do
    if now < start[1] + limit.interval then started = started + start[2] end
  end
  if started < limit.permits then return limit.permits - started end
  local surplus = started - limit.permits
  for _, start in ipairs(g.window) do
    if now < start[1] + limit.interval then
      if surplus < start[2] then return 0, start[1] + limit.interval end
      surplus = surplus - start[2]
    end
  end
  return 0, now + limit.interval
end
-- Returns how many of a group may start; if none, when the next may, or nothing if a permit must be given back first.
local function left(hold, name, limit)
  if not limit then return math.huge end
  if not hold.groups[name] then load_groups(hold, { name }) end
  local g = hold.groups[name]
  local free = math.huge
  if limit.most then free = limit.most - (name == '' and hold.active or g.running) - g.pending end
  if free <= 0 then
    if g.awaited == 0 then
      g.awaited = 1
      hold.changed[name] = g
    end
    return 0
  end
  if limit.kind == 0 then return free end
  local may, time = rate_left(limit, g)
  return math.min(may, free), time
end
-- Takes note that jobs of a group have started.
local function started(hold, name, limit, count)
  local g = hold.groups[name]
  if not (g and limit) then return end
  if limit.kind == 1 then
    g.tokens, g.at, g.window = tokens_of(limit, g) - count, now, {}
  elseif limit.kind == 2 then
    while g.window[1] and g.window[1][1] + limit.interval <= now do table.remove(g.window, 1) end
    local last = g.window[#g.window]
    -- What starts in one of 64 parts of the window counts from the last of it on, so that few parts are kept.
    local part = math.max(1, math.floor(limit.interval / 64))
    if last and math.floor(last[1] / part) == math.floor(now / part) then
      last[1], last[2] = now, last[2] + count
    else
      g.window[#g.window + 1] = { now, count }
    end
    g.at = 0
  end
  if limit.most and name ~= '' then g.running = g.running + count end
  hold.changed[name] = g
end
-- Returns the task of the jobs in a list or ring.
local tasks_by_lane = {}
local function task_in(Q, line)
  local lane = sub(line, 2, 10)
  if not tasks_by_lane[lane] then
    local profile = call('HGET', Q .. 'meta', lane)
    tasks_by_lane[lane] = profile and unpick('>I2c0', profile, 8) or ''
  end
  return tasks_by_lane[lane]
end
-- Lets keys take turns again whose token is there, a bounded number. Returns when the next one is there.
local function unpark(Q)
  local due, rings = call('ZRANGEBYSCORE', Q .. 'parked', '-inf', now, 'LIMIT', 0, 1000), {}
  for _, member in ipairs(due) do
    local ring = sub(member, 1, 10)
    rings[ring] = rings[ring] or {}
    table.insert(rings[ring], sub(member, 11))
  end
  if #due > 0 then call('ZREM', Q .. 'parked', unpack(due)) end
  for ring, keys in pairs(rings) do join(Q, ring, keys) end
  local first = call('ZRANGE', Q .. 'parked', 0, 0, 'WITHSCORES')[2]
  return first and first ~= 'inf' and tonumber(first) or nil
end
local function park(hold, ring, key, name, time)
  call('ZADD', hold.Q .. 'parked', time and string.format('%.0f', time) or '+inf', ring .. key)
  if time then return end
  local g = hold.groups[name]
  for _, known in ipairs(g.rings) do
    if known == ring then return end
  end
  g.rings[#g.rings + 1], g.awaited = ring, 0
  hold.changed[name] = g
end

-- What was taken so far: ids, the list of each, and whose permit each uses, if there is a limit.
local function put(taken, line, name, limit, ids)
  for _, id in ipairs(ids) do
    local n = #taken.ids + 1
    taken.ids[n], taken.lines[n], taken.names[n], taken.limits[n] = id, line, name, limit or false
  end
end
-- Takes up to `most` ids of the keys whose turn it is.
local function take_ring(hold, ring, most, taken)
  local Q, is_suspect = hold.Q, sub(ring, 1, 1) == 'S'
  if is_suspect then
    if has_suspect() or taken.suspect then return end
    most = 1
  end
  local task, prefix = task_in(Q, ring), string.lower(sub(ring, 1, 1)) .. sub(ring, 2)
  local limit = hold.tasks[task]
  while most > 0 and hold.looked < 1000 do
    local size = call('LLEN', Q .. ring)
    if size == 0 then return call('ZREM', Q .. 'ready', ring) end
    local keys = call('LPOP', Q .. ring, math.min(size, most, 250))
    -- Whoever is alone has all turns.
    local turns, names, again, emptied = math.max(1, math.floor(most / size)), {}, {}, {}
    for i, key in ipairs(keys) do names[i] = task .. '\31' .. key end
    if limit then load_groups(hold, names) end
    for i, key in ipairs(keys) do
      local may, time = math.huge, nil
      if limit then may, time = left(hold, names[i], limit) end
      local line = prefix .. key
      if may == 0 then
        hold.looked = hold.looked + 1
        if hold.groups[names[i]].pending > 0 then
          -- What was taken for it may not start after all.
          taken.aside[#taken.aside + 1] = { ring, key }
        else
          park(hold, ring, key, names[i], time)
        end
      elseif most == 0 then
        again[#again + 1] = key
      else
        local want = math.min(may, turns, most)
        local ids = call('LPOP', Q .. line, want) or {}
        if #ids == want and call('EXISTS', Q .. line) == 1 then
          again[#again + 1] = key
        else
          emptied[#emptied + 1] = member_of(line)
        end
        if limit then hold.groups[names[i]].pending = hold.groups[names[i]].pending + #ids end
        put(taken, line, names[i], limit, ids)
        most = most - #ids
        if #ids == 0 then hold.looked = hold.looked + 1 end
        if is_suspect and #ids > 0 then taken.suspect = true end
      end
    end
    if #again > 0 then join(Q, ring, again) end
    if #emptied > 0 then call('ZREM', Q .. 'lines', unpack(emptied)) end
  end
end
-- Takes up to `most` ids out of lists of jobs without keys, in the order of their numbers.
local function take_plain(hold, lines, most, taken)
  local Q, rest, open, names = hold.Q, {}, {}, {}
  for _, line in ipairs(lines) do
    local name = task_in(Q, line)
    names[line] = name
    if not rest[name] then rest[name] = left(hold, name, hold.tasks[name]) end
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
    if hold.groups[name] then hold.groups[name].pending = hold.groups[name].pending + 1 end
    put(taken, line, name, hold.tasks[name], { id })
  end
end
-- Takes up to `want` ids out of the lists and rings that the worker knows; those of one priority have equal parts.
local function take_held(hold, lines, want, lot)
  local taken, from = { ids = {}, lines = {}, names = {}, limits = {}, aside = {} }, 1
  local may = hold.queue and left(hold, '', hold.queue)
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

-- Hands jobs out of one queue, as far as its limits let them start. `given` has what was handed out already.
local function claim_held(Q, lines, extras, given, limit, held)
  local hold = hold_of(Q)
  while given.n < limit and given.room > 0 do
    local taken = take_held(hold, lines, math.min(limit - given.n, 250), byte(held, 24))
    for _, one in ipairs(taken.aside) do join(Q, one[1], { one[2] }) end
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
        local tail = (note and 'h' or '') .. (limited and limited.most and 'g' .. pack('>I2', #name) .. name or '')
        if given.n == 1 then tail = tail .. PADDING end
        fields[#fields + 1], fields[#fields + 2] = id, held .. tail
        in_all = in_all + 1
        if limited then
          counts[name], limits[name] = (counts[name] or 0) + 1, limited
        end
      end
    end
    if #fields > 0 then call('HSET', Q .. 'active', unpack(fields)) end
    for _, g in pairs(hold.groups) do g.pending = 0 end
    for name, count in pairs(counts) do started(hold, name, limits[name], count) end
    if hold.queue and in_all > 0 then
      load_groups(hold, { '' })
      started(hold, '', hold.queue, in_all)
      hold.active = hold.active + in_all
    end
  end
  write_groups(Q, hold.changed)
  hold.changed = {}
  return hold.looked >= 1000
end
-- Returns when a token is there that something may wait for.
local function next_token(Q)
  local first = call('ZRANGE', Q .. 'parked', 0, 0, 'WITHSCORES')[2]
  first = first and first ~= 'inf' and tonumber(first) or nil
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
