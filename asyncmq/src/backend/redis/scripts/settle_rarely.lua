local now, worker = time(), ARGV[2]
-- Takes back a job that a rescue let wait again and that nobody else claimed.
local function regain(Q, id, rec, claim)
  local bytes = rec and call('HGET', Q .. 'side', id)
  if not bytes or call('HEXISTS', Q .. 'done', id) == 1 then return end
  local s = read_side(bytes)
  if s.state ~= 'w' or s.ghost == NOBODY8 or s.ghost ~= claim then return end
  withdraw(Q, id, rec, s)
  s.crashes, s.suspect = s.crashes - s.charged, s.suspect and s.charged == 0
  return s
end
-- Settles one job, whatever became of it; tells whether its claim was current.
local function slow(Q, id, claim, op, amount, data, report)
  local act, rec, s = call('HGET', Q .. 'active', id), nil, nil
  if act then
    if sub(act, 24, 31) ~= claim then return false end
    rec = call('HGET', Q .. 'jobs', id)
    s = side_of(Q, id, rec)
    s.worker, s.started = sub(act, 1, 16), unpick('>I7', sub(act, 17, 23))
    call('HDEL', Q .. 'active', id)
    leave(Q, { id }, { act })
  else
    rec = call('HGET', Q .. 'jobs', id)
    s = regain(Q, id, rec, claim)
    if not s then return false end
  end
  if report ~= '' then tell(Q, id, rec, s.attempt + 1, s.worker, now, report) end
  local reason = call('HGET', Q .. 'cancel', id)
  if reason and op ~= 'F' and not (op == 'X' and amount == '1') then
    op, amount, data = 'X', sub(reason, 1, 1), sub(reason, 2)
  end
  if reason then call('HDEL', Q .. 'cancel', id) end
  carry_out(Q, id, rec, s, op, amount, data, now)
  return true
end
-- Adds those of the jobs whose ids stand from `first` on that somebody listens to, wants cancelled, or waits for.
local function marked(Q, first, count, marks)
  if heard() then
    for i = 1, count do marks[i] = true end
    return marks
  end
  for _, hash in ipairs({ 'wait', 'cancel', 'kids' }) do
    if call('EXISTS', Q .. hash) == 1 then
      local notes = call('HMGET', Q .. hash, unpack(ARGV, first, first + count - 1))
      for i = 1, count do marks[i] = marks[i] or notes[i] and true end
    end
  end
  return marks
end
-- Reads how jobs stood that have a side record and are completed: by place, each with who holds its deduplication key if that is it. Those
-- that somebody listens to, or is blocked behind, are left to be settled one by one; returns which.
local function sides_to_complete(Q, first, places, is_slow)
  local ids, sides, keyed, fields = {}, {}, {}, {}
  for n, place in ipairs(places) do ids[n] = ARGV[first + place - 1] end
  local found = call('HMGET', Q .. 'side', unpack(ids))
  for n, place in ipairs(places) do
    if found[n] and not (is_slow and is_slow[place]) then
      local s = read_side(found[n])
      sides[place] = s
      if s.is_keyed then keyed[#keyed + 1], fields[#fields + 1] = n, 'k' .. ids[n] end
    end
  end
  if #keyed == 0 then return sides, is_slow end
  local notes, keys, of = call('HMGET', Q .. 'more', unpack(fields)), {}, {}
  for i, n in ipairs(keyed) do
    if notes[i] then keys[#keys + 1], of[#of + 1] = sub(notes[i], 10), n end
  end
  if #keys == 0 then return sides, is_slow end
  local kept = call('HMGET', Q .. 'keys', unpack(keys))
  for i, n in ipairs(of) do
    local place, k = places[n], kept[i] and unpacked_key(kept[i])
    if k and k.live and k.id == ids[n] then
      if k.next == '' then
        sides[place].key, sides[place].held = keys[i], k
      else
        is_slow, sides[place] = is_slow or {}, nil
        is_slow[place] = true
      end
    end
  end
  return sides, is_slow
end
-- Frees the deduplication keys of jobs that are completed, all at once.
local function free_keys(Q, sides)
  local gone, over, kept = {}, {}, {}
  for _, s in pairs(sides) do
    local k = s.held
    if k and k.ends <= now then
      gone[#gone + 1] = s.key
      if k.ends > 0 then over[#over + 1] = s.key end
    elseif k then
      k.live = false
      kept[#kept + 1], kept[#kept + 2] = s.key, packed_key(k)
    end
  end
  if #gone > 0 then call('HDEL', Q .. 'keys', unpack(gone)) end
  if #over > 0 then call('ZREM', Q .. 'windows', unpack(over)) end
  if #kept > 0 then call('HSET', Q .. 'keys', unpack(kept)) end
end
