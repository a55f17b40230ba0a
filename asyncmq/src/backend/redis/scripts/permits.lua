-- What groups (a task, a key of a task; '' is the queue) have in hand and have started: number of running jobs, 1 if
-- somebody was refused a permit, tokens of the bucket and their time (0 if none was taken), number of rings in which the
-- key is parked, those rings, then for each start in the window its time and number.
local GROUP = '>I4BdI8I2'
local function read_group(bytes)
  local g = { running = 0, awaited = 0, tokens = 0, at = 0, rings = {}, window = {} }
  if not bytes then return g end
  local count
  g.running, g.awaited, g.tokens, g.at, count = unpick(GROUP, bytes)
  if #bytes == 23 then return g end
  local at = 24
  for i = 1, count do
    g.rings[i] = sub(bytes, at, at + 9)
    at = at + 10
  end
  while at <= #bytes do
    local time, started = unpick('>I8I4', bytes, at)
    g.window[#g.window + 1] = { time, started }
    at = at + 12
  end
  return g
end
local function packed_group(g)
  local rings, window = g.rings, g.window
  if #rings == 0 and #window == 0 then return pack(GROUP, g.running, g.awaited, g.tokens, g.at, 0) end
  local parts = { pack(GROUP, g.running, g.awaited, g.tokens, g.at, #g.rings), table.concat(g.rings) }
  for _, start in ipairs(g.window) do parts[#parts + 1] = pack('>I8I4', start[1], start[2]) end
  return table.concat(parts)
end
local function is_nothing(g)
  return g.running == 0 and g.awaited == 0 and g.at == 0 and #g.rings == 0 and #g.window == 0
end
local function write_groups(Q, changed)
  local fields, gone = {}, {}
  for name, g in pairs(changed) do
    if is_nothing(g) then
      gone[#gone + 1] = name
    else
      fields[#fields + 1] = name
      fields[#fields + 1] = packed_group(g)
    end
  end
  if #fields > 0 then call('HSET', Q .. 'groups', unpack(fields)) end
  if #gone > 0 then call('HDEL', Q .. 'groups', unpack(gone)) end
end
-- Reads the limit in force out of what `held` keeps.
local function read_limit(bytes)
  local from = 2
  if byte(bytes, 1) == 1 then
    if byte(bytes, 19) == 1 then from = 20 end
  elseif byte(bytes, 2) == 1 then
    from = 3
  end
  local kind, permits, interval, most = unpick('>BI4I8I4', bytes, from)
  return { kind = kind, permits = permits, interval = interval, most = most > 0 and most - 1 or nil }
end
-- Returns the group among whose permits a running job counts, given its entry of `active`.
local function group_in(act)
  local at = byte(act, 32) == 104 and 33 or 32
  if byte(act, at) ~= 103 then return nil end
  return sub(act, at + 3, at + 2 + unpick('>I2', act, at + 1))
end
-- Takes permits back: `counts` has how many of each group. Keys that wait for one take turns again.
local function give_back(Q, counts)
  local names, woken = { '' }, false
  for name in pairs(counts) do names[#names + 1] = name end
  local found, changed = call('HMGET', Q .. 'groups', unpack(names)), {}
  for i, name in ipairs(names) do
    if found[i] then
      local g = read_group(found[i])
      if counts[name] or g.awaited == 1 then changed[name] = g end
      g.running = math.max(g.running - (counts[name] or 0), 0)
      woken = woken or g.awaited == 1
      g.awaited = 0
      for _, ring in ipairs(g.rings) do
        local key = string.match(name, '\31(.*)$')
        if call('ZREM', Q .. 'parked', ring .. key) == 1 then
          join(Q, ring, { key })
          woken = true
        end
      end
      g.rings = {}
    end
  end
  write_groups(Q, changed)
  if woken then wake(Q) end
end
-- Takes back the permits of jobs that leave their worker's hand, given their entries of `active`; of some of them if
-- `places` says which.
local function leave(Q, acts, places, count)
  if call('EXISTS', Q .. 'groups') == 0 then return end
  local counts = {}
  for i = 1, count do
    local name = group_in(acts[places and places[i] or i])
    if name then counts[name] = (counts[name] or 0) + 1 end
  end
  give_back(Q, counts)
end
