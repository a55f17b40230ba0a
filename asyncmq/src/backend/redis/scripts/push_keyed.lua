-- Jobs with a deduplication key on their way in. What becomes of one is the rule of `lifecycle::arrive`.
-- Modes: s simple, t throttle, T throttle that is extended, d debounce, r replace, l keep the last; empty for no key.
-- Tells how an owner stands: d delayed, w waiting, a started; nothing if it has ended. Then its record and its side record.
local function standing(Q, k)
  if not k.live then return nil end
  local rec = call('HGET', Q .. 'jobs', k.id)
  local s = side_of(Q, k.id, rec)
  if s.attempt > 0 or s.crashes > 0 or call('HEXISTS', Q .. 'active', k.id) == 1 then return 'a' end
  return s.state == 'd' and 'd' or 'w', rec, s
end
local function arrival(Q, mode, k, task, now)
  if not k or not holds(k, now) then return 'enter' end
  if k.task ~= task then return 'duplicate' end
  if mode == 'T' and k.ends > 0 then return 'extend' end
  if mode == 'l' and k.next ~= '' then return 'next' end
  if mode == 's' or mode == 't' or mode == 'T' then return 'duplicate' end
  local stands, rec, s = standing(Q, k)
  if mode == 'd' then return stands == 'd' and 'replace' or 'enter', rec, s end
  if mode == 'r' and (stands == 'd' or stands == 'w') then return 'replace', rec, s end
  return mode == 'l' and stands == 'a' and 'block' or 'duplicate'
end
local function about(key, id)
  return pack('>I2c0', #key, key) .. id
end
-- Removes a job that has not started, as another one takes its place.
local function debounce(Q, id, rec, s, key, by, now)
  emit(Q, 13, id, rec, s.attempt, s.worker, now, 'k', about(key, by), true)
  displace(Q, id, rec, s)
  call('HINCRBY', Q .. 'meta', 'x', 1)
  tell_children(Q, id, nil, '', now)
  purge(Q, { id })
end
-- Puts a job among those that are taken in together: `into` names what a push has to do with it, `i` is where its times stand.
local function take_up(all, Q, id, body, i, into)
  all.header = all.header or with_side(into.header(Q))
  local record, mode = all.header .. body, ARGV[i + 3]
  local bonds = (mode ~= '' and KEYED or 0) + (ARGV[i + 6] ~= '' and KIN or 0)
  all.jobs[#all.jobs + 1], all.jobs[#all.jobs + 2] = id, record
  if into.waits(id, record, i, all, mode ~= '') then
    local n = #all.waiting + 1
    all.waiting[n], all.records[n] = id, record
  end
  if bonds >= KIN then all.side[#all.side] = sub(all.side[#all.side], 1, -2) .. string.char(bonds) end
  if mode == '' then return end
  local n = #all.notes
  all.notes[n + 1], all.notes[n + 2] = id, note_of(mode, tonumber(ARGV[i + 4]), ARGV[i + 5])
end
local function nobody_yet()
  return { jobs = {}, side = {}, notes = {}, delayed = {}, mortal = {}, waiting = {}, records = {} }
end
local function take_in(all, Q, lane, into)
  call('HSET', Q .. 'jobs', unpack(all.jobs))
  call('HSET', Q .. 'side', unpack(all.side))
  if #all.notes > 0 then call('HSET', Q .. 'keyed', unpack(all.notes)) end
  if #all.delayed > 0 then call('ZADD', Q .. 'delayed', unpack(all.delayed)) end
  if #all.mortal > 0 then call('ZADD', Q .. 'mortal', unpack(all.mortal)) end
  into.append(Q, lane, all.waiting, all.records, 24)
  if not noisy(Q) then return end
  for n = 1, #all.jobs, 2 do emit(Q, 1, all.jobs[n], all.jobs[n + 1], 0, NOBODY, time(), '-', '') end
end
local function take_one_in(Q, lane, id, body, i, into, is_blocked)
  into.count_in(Q, 1)
  local all, parents = nobody_yet(), ARGV[i + 6]
  take_up(all, Q, id, body, i, into)
  if is_blocked or parents ~= '' then
    all.side[2], all.delayed, all.mortal, all.waiting = 'b' .. sub(all.side[2], 2), {}, {}, {}
    call('ZADD', Q .. 'blocked', number(seq_of(all.jobs[2])), id)
  end
  -- As `write_side` does.
  if parents ~= '' then call('HSET', Q .. 'meta', 'f', 1) end
  take_in(all, Q, lane, into)
  return all.jobs[2], all.side[2]
end
-- Lets a job that was just taken in wait for its parents, if it has some: it may end with one at once, and frees its key then.
local function link(Q, id, parents, rec, side)
  if parents ~= '' then kin.link(Q, id, rec, read_side(side), parents, time()) end
end
local function take_keyed(Q, lane, profile, id, body, i, into)
  local mode, window, key, now, task = ARGV[i + 3], tonumber(ARGV[i + 4]), ARGV[i + 5], time(), task_of(profile)
  local k = read_key(Q, key)
  local what, rec, s = arrival(Q, mode, k, task, now)
  if what == 'duplicate' or what == 'extend' then
    into.met(body, 'D' .. pack('>I2c0', #k.id, k.id) .. k.task)
    emit(Q, 14, id, string.rep(' ', 14) .. lane, 0, NOBODY, now, 'k', about(key, k.id))
    if what == 'duplicate' then return end
    k.ends = now + window
    return put_key(Q, key, k, 0)
  end
  if what == 'replace' then
    debounce(Q, k.id, rec, s, key, id, now)
    into.met(body, 'R' .. k.id)
  elseif what == 'next' then
    rec = call('HGET', Q .. 'jobs', k.next)
    debounce(Q, k.next, rec, side_of(Q, k.next, rec), key, id, now)
    into.met(body, 'R' .. k.next)
  end
  if what == 'block' or what == 'next' then
    take_one_in(Q, lane, id, body, i, into, true)
    k.next = id
    return put_key(Q, key, k, k.ends)
  end
  rec, s = take_one_in(Q, lane, id, body, i, into, false)
  own(Q, id, note_of(mode, window, key), task, k, k and k.next or '', now)
  link(Q, id, ARGV[i + 6], rec, s)
end
-- Takes a run in of which some jobs have keys, one after the other.
local function take_all_keyed(Q, lane, profile, count, first, into)
  for n = 0, count - 1 do
    local id, body, i = ARGV[first + n], ARGV[first + count + n], first + 2 * count + 7 * n
    local have = call('HGET', Q .. 'jobs', id)
    if have then
      into.met(body, call('HGET', Q .. 'meta', sub(have, 15, 23)) or '')
      emit(Q, 12, id, have, 0, NOBODY, time(), '-', '')
    else
      local gone = kin.gone_parent(ARGV[i + 6])
      if gone then
        into.met(body, 'P' .. pack('>I4', gone))
      elseif ARGV[i + 3] == '' then
        link(Q, id, ARGV[i + 6], take_one_in(Q, lane, id, body, i, into, false))
      else
        take_keyed(Q, lane, profile, id, body, i, into)
      end
    end
  end
end
