-- What groups (a task, a key of a task; '' is the queue) have in hand and have started: number of running jobs, and unless that is
-- all 1 if somebody was refused a permit, tokens of the bucket and their time (0 if none was taken), number of rings in which
-- the key waits for a permit, those rings, then for each start in the window its time and number. What has only running jobs has an
-- even length, whatever else has an odd one: the first group of a claim is made longer, so that the hash is never kept as a list, which
-- every command would search from its beginning.
local GROUP = '>I4BdI8I2'
local NONE, shorts, counts_in = {}, {}, {}
-- Returns the number of running jobs if that is all that is kept.
local function only_running(bytes)
  local running = counts_in[bytes]
  if not running and #bytes % 2 == 0 then
    running = unpick('>I4', bytes)
    counts_in[bytes] = running
  end
  return running
end
local function read_group(bytes)
  local running = bytes and only_running(bytes)
  if running or not bytes then return { running = running or 0, awaited = 0, tokens = 0, at = 0, rings = NONE, window = NONE } end
  local own, awaited, tokens, time, count = unpick(GROUP, bytes)
  local g = { running = own, awaited = awaited, tokens = tokens, at = time, rings = NONE, window = NONE }
  if #bytes == 23 then return g end
  local at = 24
  g.rings, g.window = {}, {}
  for i = 1, count do
    g.rings[i] = sub(bytes, at, at + 9)
    at = at + 10
  end
  while at <= #bytes do
    local start, started = unpick('>I8I4', bytes, at)
    g.window[#g.window + 1] = { start, started }
    at = at + 12
  end
  return g
end
-- Returns what is kept of a group that only has jobs that run.
local function short(running)
  shorts[running] = shorts[running] or pack('>I4', running)
  return shorts[running]
end
-- Returns what is kept of a group, nothing if that is nothing.
local function packed_group(g)
  local rings, window = g.rings, g.window
  if #rings == 0 and #window == 0 then
    if g.awaited == 0 and g.at == 0 then return g.running > 0 and short(g.running) or nil end
    return pack(GROUP, g.running, g.awaited, g.tokens, g.at, 0)
  end
  local parts = { pack(GROUP, g.running, g.awaited, g.tokens, g.at, #rings), table.concat(rings) }
  for _, start in ipairs(window) do parts[#parts + 1] = pack('>I8I4', start[1], start[2]) end
  return table.concat(parts)
end
-- Writes groups: pairs of name and what is kept, and names of those of which nothing is.
local function write_groups(Q, fields, gone)
  if #fields > 0 then call('HSET', Q .. 'groups', unpack(fields)) end
  if #gone > 0 then call('HDEL', Q .. 'groups', unpack(gone)) end
end
local function note_group(fields, gone, name, bytes)
  if bytes then
    fields[#fields + 1], fields[#fields + 2] = name, bytes
  else
    gone[#gone + 1] = name
  end
end
-- Returns the group among whose permits a running job counts, given its entry of `active`, and whether it may be asked to stop.
local function group_in(act)
  local at, letter, high, low = 35, byte(act, 32, 34)
  if letter == 104 then
    at, letter, high, low = 36, byte(act, 33, 35)
  end
  if letter ~= 103 and letter ~= 99 then return nil end
  return sub(act, at, at - 1 + 256 * high + low), letter == 99
end
-- The name under which `holders` has a job that may be asked to stop: the oldest of a group are the first.
local function holder(name, started, id)
  return pack('>I2', #name) .. name .. started .. id
end
-- Lets keys take turns again that wait for a permit: `by_ring` has those of each ring.
local function note_rings(by_ring, name, rings)
  local key = #rings > 0 and string.match(name, '\31(.*)$')
  for _, ring in ipairs(rings) do
    by_ring[ring] = by_ring[ring] or {}
    table.insert(by_ring[ring], key)
  end
end
local function join_all(Q, by_ring)
  for ring, keys in pairs(by_ring) do join(Q, ring, keys) end
end
-- Takes permits back of the groups in `names`, the first of which is the queue: `counts` has how many of each. Keys that wait for one take
-- turns again.
local function give_back(Q, names, counts)
  local woken, fields, gone, by_ring = false, {}, {}, {}
  local found = call('HMGET', Q .. 'groups', unpack(names))
  for i = 1, #names do
    local name, bytes = names[i], found[i]
    local count, running = counts[name], bytes and (counts_in[bytes] or only_running(bytes))
    if running and count == running then
      gone[#gone + 1] = name
    elseif running and count then
      note_group(fields, gone, name, count < running and short(running - count) or nil)
    elseif bytes and not running then
      local g = read_group(bytes)
      if count or g.awaited == 1 then
        g.running = math.max(g.running - (count or 0), 0)
        woken = woken or g.awaited == 1 or #g.rings > 0
        note_rings(by_ring, name, g.rings)
        g.awaited, g.rings = 0, NONE
        note_group(fields, gone, name, packed_group(g))
      end
    end
  end
  join_all(Q, by_ring)
  write_groups(Q, fields, gone)
  if woken then wake(Q) end
end
-- Takes back the permits of jobs that leave their worker's hand, given their ids and entries of `active`; of some of the entries if
-- `places` says which.
local function leave(Q, ids, acts, places)
  if call('EXISTS', Q .. 'groups') == 0 then return end
  local names, counts, n, holders = { '' }, {}, 1, nil
  for i = 1, #ids do
    local act = acts[places and places[i] or i]
    local name, is_holder = group_in(act)
    local count = name and counts[name]
    if count then
      counts[name] = count + 1
    elseif name then
      n = n + 1
      names[n], counts[name] = name, 1
    end
    if is_holder then
      holders = holders or {}
      holders[#holders + 1] = holder(name, sub(act, 17, 23), ids[i])
    end
  end
  if holders then call('ZREM', Q .. 'holders', unpack(holders)) end
  give_back(Q, names, counts)
end
