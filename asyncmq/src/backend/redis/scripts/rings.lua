-- The rings of keys: whose turn it is, who is set aside, and who takes turns again.
-- Lets keys take turns again whose token is there, a bounded number. Returns when the next one is there.
local function unpark(Q)
  local due, by_ring = call('ZRANGEBYSCORE', Q .. 'parked', '-inf', now, 'LIMIT', 0, 1000), {}
  for _, member in ipairs(due) do
    local ring = sub(member, 1, 10)
    by_ring[ring] = by_ring[ring] or {}
    table.insert(by_ring[ring], sub(member, 11))
  end
  if #due > 0 then call('ZREM', Q .. 'parked', unpack(due)) end
  join_all(Q, by_ring)
  local first = call('ZRANGE', Q .. 'parked', 0, 0, 'WITHSCORES')[2]
  return first and tonumber(first)
end
-- Lets keys take turns again that stand in the groups' records or in `parked`, as far as a scan from a cursor goes. Returns where it goes
-- on, and how many it looked at.
local function sweep_some(Q, of_tokens, cursor)
  local scan = of_tokens and call('ZSCAN', Q .. 'parked', cursor, 'COUNT', 500)
    or call('HSCAN', Q .. 'groups', cursor, 'COUNT', 500)
  local by_ring, fields, gone, entries = {}, {}, {}, scan[2]
  for i = 1, #entries, 2 do
    if of_tokens then
      gone[#gone + 1] = entries[i]
      note_rings(by_ring, '\31' .. sub(entries[i], 11), { sub(entries[i], 1, 10) })
    elseif not only_running(entries[i + 1]) and #entries[i + 1] > 23 then
      local g = read_group(entries[i + 1])
      note_rings(by_ring, entries[i], g.rings)
      g.rings = NONE
      note_group(fields, gone, entries[i], packed_group(g))
    end
  end
  if not of_tokens then
    write_groups(Q, fields, gone)
  elseif #gone > 0 then
    call('ZREM', Q .. 'parked', unpack(gone))
  end
  join_all(Q, by_ring)
  return scan[1], #entries / 2
end
-- Lets keys take turns again that were set aside under limits that are no more, some at a time: `place` is how far that has gone, first
-- through the groups (g and a cursor), then through those that wait for a token (t). Tells whether there are more.
local function sweep(Q, place)
  local of_tokens, cursor, looked, count = sub(place, 1, 1) == 't', sub(place, 2), 0, nil
  repeat
    cursor, count = sweep_some(Q, of_tokens, cursor)
    looked = looked + count
    if cursor == '0' and of_tokens then
      call('HDEL', Q .. 'meta', 'u')
      return false
    end
    of_tokens = of_tokens or cursor == '0'
  until looked >= 500
  call('HSET', Q .. 'meta', 'u', (of_tokens and 't' or 'g') .. cursor)
  return true
end
-- Sets a key aside until a time, or until a permit of its group is there.
local function park(hold, ring, key, name, time)
  if time then
    hold.timed[#hold.timed + 1], hold.timed[#hold.timed + 2] = string.format('%.0f', time), ring .. key
    return
  end
  local g = group_of(hold, name)
  if g.rings == NONE then g.rings = {} end
  for _, known in ipairs(g.rings) do
    if known == ring then return end
  end
  g.rings[#g.rings + 1] = ring
end

-- Takes note of an id that was taken: what was taken so far are ids, the list of each, and whose permit each uses, if there is a limit.
local function put(taken, list, name, limit, id)
  local n = taken.n + 1
  taken.n, taken.ids[n], taken.lists[n], taken.names[n], taken.limits[n] = n, id, list, name, limit
  if limit and limit.kind ~= 0 then taken.limit_of[name] = limit end
end
-- How many jobs keys give in their turn, where some have weights: the weight of each, how many it has left in the turn that it began, and
-- all weights together.
local function weights_of(hold, ring, keys, names)
  if not hold.weighted then return nil end
  local weights, fields, credits, total = call('HMGET', hold.Q .. 'weights', unpack(names)), {}, nil, 0
  for i, key in ipairs(keys) do fields[i] = ring .. key end
  credits = call('HMGET', hold.Q .. 'credits', unpack(fields))
  for i = 1, #keys do
    weights[i] = tonumber(weights[i] or 1)
    credits[i] = math.min(tonumber(credits[i] or weights[i]), weights[i])
    total = total + weights[i]
  end
  call('HDEL', hold.Q .. 'credits', unpack(fields))
  return weights, credits, total
end
-- Lets the keys that gave jobs take turns again, behind the others, as far as their lists are still there; notes whose are not.
local function turn_again(Q, ring, lists, keys, emptied, member)
  if #lists == 0 then return end
  local count, again = call('EXISTS', unpack(lists)), keys
  if count < #lists then
    again = {}
    for i = 1, #lists do
      if count > 0 and call('EXISTS', lists[i]) == 1 then
        again[#again + 1] = keys[i]
      else
        emptied[#emptied + 1] = member .. keys[i]
      end
    end
  end
  if #again > 0 then join(Q, ring, again) end
end
-- Sets a key aside that may give nothing now: for as long as it may not, or, if more of its jobs have to go or what was taken for it may not
-- start after all, until the others had their turn. Tells whether it has no jobs at all.
local function set_aside(hold, taken, ring, key, name, list, time, more)
  local limit = taken.limit
  hold.looked = hold.looked + 1
  if more or (hold.pending[name] or 0) > 0 then
    taken.aside[#taken.aside + 1] = { ring, key }
  elseif (limit.discards or limit.stops) and call('EXISTS', list) == 0 then
    return true
  else
    park(hold, ring, key, name, time)
  end
end
-- Takes up to `want` ids of a key. Returns how many there were.
local function take_of_key(taken, list, name, limit, want)
  if want > 1 then
    local ids = call('LPOP', list, want) or {}
    for i = 1, #ids do put(taken, list, name, limit, ids[i]) end
    return #ids
  end
  local id, n = call('LPOP', list), taken.n + 1
  if not id then return 0 end
  -- As `put` does, which is a step for each job.
  taken.n, taken.ids[n], taken.lists[n], taken.names[n], taken.limits[n] = n, id, list, name, limit
  if limit and limit.kind ~= 0 then taken.limit_of[name] = limit end
  return 1
end
-- Takes up to `most` ids of the keys whose turn it is.
local function take_ring(hold, ring, most, taken)
  local Q, is_suspect = hold.Q, sub(ring, 1, 1) == 'S'
  if is_suspect then
    if rare().has_suspect() or taken.suspect then return end
    most = 1
  end
  local task, prefix = task_in(Q, ring), string.lower(sub(ring, 1, 1)) .. sub(ring, 2)
  local limit, group, member, front = hold.tasks[task] or false, task .. '\31', sub(prefix, 2) .. sub(prefix, 1, 1), Q .. prefix
  local is_impatient, pending = limit and (limit.discards or limit.stops), hold.pending
  -- Most limits only say how many run at once, and those of keys that have their turn are read.
  local most_at_once, running = limit and limit.kind == 0 and not is_impatient and limit.most, hold.running
  taken.limit = limit
  while most > 0 and hold.looked < 1000 do
    local size = call('LLEN', Q .. ring)
    if size == 0 then return call('ZREM', Q .. 'ready', ring) end
    local keys = call('LPOP', Q .. ring, math.min(size, most, 250))
    local names, unserved, emptied, lists, served, s = {}, {}, {}, {}, {}, 0
    if limit or hold.weighted then
      for i = 1, #keys do names[i] = group .. keys[i] end
    end
    -- Whoever is alone has all turns.
    local turns = math.max(1, math.floor(most / size))
    local weights, credits, total = weights_of(hold, ring, keys, names)
    if weights then turns = size > #keys and 1 or math.max(1, math.floor(most / total)) end
    if limit then load_groups(hold, names) end
    for i = 1, #keys do
      local key, name = keys[i], names[i] or false
      local list, may, time, more = front .. key, most, nil, nil
      if most_at_once then
        may = most_at_once - running[name] - (pending[name] or 0)
      elseif limit then
        more = is_impatient and make_room_in(hold, prefix .. key, name, limit)
        may, time = left(hold, name, limit)
      end
      if limit and may <= 0 then
        if set_aside(hold, taken, ring, key, name, list, time, more) then emptied[#emptied + 1] = member .. key end
      elseif most == 0 then
        unserved[#unserved + 1] = key
      else
        local turn = weights and (turns - 1) * weights[i] + credits[i] or turns
        local want = turn < most and turn or most
        if may < want then want = may end
        local got = take_of_key(taken, list, name, limit, want)
        if got < want then
          emptied[#emptied + 1] = member .. key
        elseif weights and weights[i] > 1 and want < turn and want == most then
          -- It goes on where its turn was cut short.
          call('HSET', Q .. 'credits', ring .. key, (turn - want - 1) % weights[i] + 1)
          unserved[#unserved + 1] = key
        else
          s = s + 1
          lists[s], served[s] = list, key
        end
        if limit then pending[name] = (pending[name] or 0) + got end
        most = most - got
        if got == 0 then hold.looked = hold.looked + 1 end
        if is_suspect and got > 0 then taken.suspect = true end
      end
    end
    turn_again(Q, ring, lists, served, emptied, member)
    for i = #unserved, 1, -1 do come_first(Q, ring, unserved[i]) end
    if #emptied > 0 then call('ZREM', Q .. 'lines', unpack(emptied)) end
  end
end
