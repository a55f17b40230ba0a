-- take: removes jobs of one queue, a bounded number: from the fronts of its lists, or those that are named.
--
-- KEYS   shared base, base of the queue
-- ARGV   time, what (waiting, delayed, ended, named, all), limit; for delayed and ended: a time before which they were
--        due or ended (empty for any), for ended the state's letter; for named: a state's letter and ids that are removed if they still stand there;
--        for all: 1 to take running jobs too
-- Reply  number of jobs; for all: that number, or -1 and the number of running jobs; then more than 0 if others are still to be told of the end of some
-- Cost   3 commands; per job 2 to 5, and with a deduplication key 4 to 15
local now, Q, what, limit = time(), KEYS[2], ARGV[2], tonumber(ARGV[3])
local has_keys
-- Forgets jobs that had not ended, and frees their deduplication keys.
local function drop(ids)
  if has_keys == nil then has_keys = call('EXISTS', Q .. 'keys') == 1 end
  if has_keys then
    for i = 1, #ids do free_key(Q, ids[i], now) end
  end
  if #ids > 0 and kin.are_awaited(Q) then
    -- Those that go together are not told of each other.
    for i = 1, #ids do kin.leaving[Q .. ids[i]] = true end
    for i = 1, #ids do tell_children(Q, ids[i], nil, '', now) end
  end
  purge(Q, ids)
end

local function waiting(most)
  local gone = {}
  -- Takes from one list. Tells whether that is empty now.
  local function empty(line)
    while #gone < most do
      local entries = call('LPOP', Q .. line, most - #gone)
      if not entries then return true end
      local ids = living(Q, line, entries)
      if #ids > 0 and call('EXISTS', Q .. 'mortal') == 1 then call('ZREM', Q .. 'mortal', unpack(ids)) end
      for i = 1, #ids do gone[#gone + 1] = ids[i] end
    end
  end
  for _, line in ipairs(call('ZRANGE', Q .. 'ready', 0, -1)) do
    if byte(line, 1) >= 97 and empty(line) then call('ZREM', Q .. 'ready', line) end
  end
  -- The lists of keys stay noted: their keys stand in a ring, or are parked, until a claim finds them empty.
  local from = 0
  while #gone < most do
    local members = call('ZRANGE', Q .. 'lines', from, from + 249)
    if #members == 0 then break end
    for _, member in ipairs(members) do empty(line_named(member)) end
    from = from + 250
  end
  -- Only now: who was blocked behind one of them waits from now on.
  drop(gone)
  return #gone
end

local function delayed(most, before)
  local last = before == '' and '+inf' or '(' .. before
  local members, ids = call('ZRANGEBYSCORE', Q .. 'delayed', '-inf', last, 'LIMIT', 0, most), {}
  if #members == 0 then return 0 end
  for i = 1, #members do ids[i] = sub(members[i], 8) end
  call('ZREM', Q .. 'delayed', unpack(members))
  call('ZREM', Q .. 'mortal', unpack(ids))
  drop(ids)
  return #ids
end

local function blocked(most)
  local ids = call('ZRANGE', Q .. 'blocked', 0, most - 1)
  if #ids == 0 then return 0 end
  call('ZREM', Q .. 'blocked', unpack(ids))
  drop(ids)
  return #ids
end

-- Takes from one list of ended jobs.
local function ended_in(list, most, before)
  local ids, old = most > 0 and call('ZRANGE', Q .. list, 0, most - 1) or {}, {}
  if #ids == 0 then return 0 end
  local done = call('HMGET', Q .. 'done', unpack(ids))
  for i = 1, #ids do
    if before == '' or not done[i] or unpick('>I7', sub(done[i], 2, 8)) < tonumber(before) then
      old[#old + 1] = ids[i]
    end
  end
  if #old == 0 then return 0 end
  call('ZREM', Q .. list, unpack(old))
  if list == 'zq' then call('ZREM', Q .. 'zu', unpack(old)) end
  purge(Q, old)
  return #old
end
local function ended(most, before, state)
  local count
  if state == 'c' then
    count = age_out(Q, 'lc', before == '' and math.huge or tonumber(before) - 1, most)
  else
    count = ended_in('z' .. state, most, before)
  end
  return count + ended_in(list_of_pinned(state), most - count, before)
end

local function named()
  local count = 0
  for i = 5, #ARGV do
    local rec = call('HGET', Q .. 'jobs', ARGV[i])
    if rec and call('HEXISTS', Q .. 'active', ARGV[i]) == 0 and call('HEXISTS', Q .. 'done', ARGV[i]) == 0 then
      local s = side_of(Q, ARGV[i], rec)
      if s.state == ARGV[4] then
        displace(Q, ARGV[i], rec, s)
        drop({ ARGV[i] })
        count = count + 1
      end
    end
  end
  return count
end

local function active(most)
  local held, count = call('HRANDFIELD', Q .. 'active', most, 'WITHVALUES'), 0
  for i = 1, #held, 2 do
    local id, act = held[i], held[i + 1]
    call('HDEL', Q .. 'active', id)
    leave(Q, { id }, { act })
    call('HDEL', Q .. 'cancel', id)
    call('PUBLISH', S .. 'to' .. sub(act, 1, 16), sub(act, 24, 31) .. id)
    drop({ id })
    count = count + 1
  end
  return count
end

local function take()
  if what == 'waiting' then return waiting(limit) end
  if what == 'delayed' then return delayed(limit, ARGV[4]) end
  if what == 'ended' then return ended(limit, ARGV[4], ARGV[5]) end
  if what == 'named' then return named() end
  local running = call('HLEN', Q .. 'active')
  if ARGV[4] ~= '1' and running > 0 then return { -1, running, 0 } end
  -- Those that are blocked first, so that nobody waits anew.
  local count = blocked(limit)
  if count < limit then count = count + waiting(limit - count) end
  if count < limit then count = count + delayed(limit - count, '') end
  for _, state in ipairs({ 'c', 'x', 'f', 'e' }) do
    if count < limit then count = count + ended(limit - count, '', state) end
  end
  if count < limit and call('EXISTS', Q .. 'active') == 1 then count = count + active(limit - count) end
  if count == 0 then
    -- What no list leads to can only be left over from a store that was tampered with.
    local ids = call('HRANDFIELD', Q .. 'jobs', limit)
    purge(Q, ids)
    count = #ids
  end
  kin.budget = 200
  kin.tell_more(Q, now)
  kin.unpin_some(Q, 200, now)
  if call('EXISTS', Q .. 'jobs', Q .. 'ends', Q .. 'outs', Q .. 'unpinned') == 0 then
    for _, line in ipairs(call('ZRANGE', Q .. 'ready', 0, -1)) do call('UNLINK', Q .. line) end
    for _, key in ipairs({ 'held', 'groups', 'holders', 'parked', 'weights', 'credits', 'lines', 'meta', 'n', 'side', 'more', 'done', 'ready', 'tombs', 'mortal', 'cancel',
      'wait', 'lc', 'zf', 'zx', 'ze', 'zq', 'zu', 'yf', 'yx', 'ye', 'pins', 'delayed', 'blocked', 'kids', 'keyed', 'keys', 'windows', 'plans', 'slots' }) do
      call('UNLINK', Q .. key)
    end
    call('SREM', S .. 'queues', Q)
  end
  return { count, 0, call('EXISTS', Q .. 'ends', Q .. 'outs', Q .. 'unpinned') }
end
local taken = take()
publish()
return kin.sealed(taken)
