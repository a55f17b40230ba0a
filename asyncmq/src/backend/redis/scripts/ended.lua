-- The jobs that ended. A done record: state, end, attempt, crashes, worker, start, number of the end, result or reason.
-- Listed by state: lc completed, in their order; by the number of their end zx cancelled, zf failed, ze expired, and zq
-- completed ones that asked for a time of their own, which zu has by its end.
-- Tells those that wait for a job of its end; it is made by whoever may end one.
local tell_children
-- Failures are kept as a list of (length, time, failure); beyond 48 the 25th goes.
local function keep_failure(Q, id, now, failure)
  local old = call('HGET', Q .. 'more', 'e' .. id) or ''
  local places, at = {}, 1
  while at <= #old do
    places[#places + 1] = at
    at = at + 4 + unpick('>I4', old, at)
  end
  if #places >= 48 then old = sub(old, 1, places[25] - 1) .. sub(old, places[26]) end
  call('HSET', Q .. 'more', 'e' .. id, old .. pack('>I4I7', #failure + 7, now) .. failure)
end
local function purge(Q, ids)
  if #ids == 0 then return end
  call('HDEL', Q .. 'jobs', unpack(ids))
  call('HDEL', Q .. 'done', unpack(ids))
  if has_pins(Q) then call('HDEL', Q .. 'pins', unpack(ids)) end
  erase_notes(Q, ids)
end
local function limit_of(name, default)
  return tonumber(call('HGET', S .. 'limits', name) or default)
end
-- Takes the oldest completed (lc) or cancelled (zx) jobs off their list.
local function pop_oldest(Q, list, count)
  if list == 'lc' then return living(Q, list, call('LPOP', Q .. list, count) or {}) end
  local popped, ids = call('ZPOPMIN', Q .. list, count), {}
  for i = 1, #popped, 2 do ids[#ids + 1] = popped[i] end
  return ids
end
-- Drops the oldest completed or cancelled jobs beyond their number, at most `most`. Returns how many.
local function trim(Q, list, keep, most)
  local surplus = math.min(call(list == 'lc' and 'LLEN' or 'ZCARD', Q .. list) - keep, most)
  if surplus <= 0 then return 0 end
  local ids = pop_oldest(Q, list, surplus)
  purge(Q, ids)
  return #ids
end
-- Drops the oldest completed or cancelled jobs that ended at a time or before, at most `most`. Returns how many.
local function age_out(Q, list, time, most)
  if most <= 0 then return 0 end
  local ids, count = call(list == 'lc' and 'LRANGE' or 'ZRANGE', Q .. list, 0, most - 1), 0
  if #ids == 0 then return 0 end
  local done = call('HMGET', Q .. 'done', unpack(ids))
  for i = 1, #ids do
    if done[i] and time < unpick('>I7', sub(done[i], 2, 8)) then break end
    count = i
  end
  if count == 0 then return 0 end
  ids = pop_oldest(Q, list, count)
  purge(Q, ids)
  return #ids
end
local function drop_dead(Q, list, id, now)
  call('ZREM', Q .. list, id)
  local done = call('HGET', Q .. 'done', id)
  if done then
    local attempt = unpick('>I4', sub(done, 9, 12))
    emit(Q, 15, id, nil, attempt, sub(done, 17, 32), now, '-', '')
  end
  purge(Q, { id })
end
-- Returns the list and the id of the dead letter that has lain longest.
local function oldest_dead(Q)
  local failed = call('ZRANGE', Q .. 'zf', 0, 0, 'WITHSCORES')
  local expired = call('ZRANGE', Q .. 'ze', 0, 0, 'WITHSCORES')
  if #failed == 0 or (#expired > 0 and tonumber(expired[2]) < tonumber(failed[2])) then return 'ze', expired[1] end
  return 'zf', failed[1]
end
local function trim_dead(Q, keep, most, now)
  local surplus = math.min(call('ZCARD', Q .. 'zf') + call('ZCARD', Q .. 'ze') - keep, most)
  for _ = 1, surplus do
    local list, id = oldest_dead(Q)
    drop_dead(Q, list, id, now)
  end
  return math.max(surplus, 0)
end
-- Keeps a job that ends now. `until_` is a time for one that asked for it, 0 to keep nothing, nil for the rule.
local function finish(Q, id, state, now, attempt, crashes, worker, started, payload, until_)
  local number = call('HINCRBY', Q .. 'meta', 'x', 1)
  call('HDEL', Q .. 'cancel', id)
  if until_ == 0 then return purge(Q, { id }) end
  local done = pack('>c1I7I4I4c16I7I7', state, now, attempt, crashes, worker, started, number) .. payload
  call('HSET', Q .. 'done', id, done)
  local pin = pin_of(Q, id)
  if pin then
    if until_ then call('HSET', Q .. 'pins', id, sub(pin, 1, 14) .. pack('>I7', until_) .. sub(pin, 22)) end
    return call('ZADD', Q .. list_of_pinned(state), number, id)
  end
  if until_ then
    call('ZADD', Q .. 'zq', number, id)
    call('ZADD', Q .. 'zu', until_, id)
    return
  end
  if state == 'c' then
    call('RPUSH', Q .. 'lc', id)
    return trim(Q, 'lc', limit_of('ended', 10000), 100)
  end
  call('ZADD', Q .. 'z' .. state, number, id)
  if state == 'f' or state == 'e' then
    trim_dead(Q, limit_of('dead', 100000), 100, now)
  else
    trim(Q, 'z' .. state, limit_of('ended', 10000), 100)
  end
end
-- Cancels a job that has left its list already; `said` is 1 if there is a reason.
local function call_off(Q, id, rec, s, said, reason, now)
  emit(Q, 7, id, rec, s.attempt, s.worker, now, said == '1' and 'x' or '-', reason, true)
  if s.is_keyed then free_key(Q, id, now) end
  tell_children(Q, id, 'x', '', now)
  finish(Q, id, 'x', now, s.attempt, s.crashes, s.worker, s.started, said .. reason)
end
-- Makes a dead letter of a job whose time to live is over; it has left its list already.
local function expire_job(Q, id, rec, s, now)
  emit(Q, 6, id, rec, s.attempt, s.worker, now, '-', '', true)
  if s.is_keyed then free_key(Q, id, now) end
  tell_children(Q, id, 'e', '', now)
  finish(Q, id, 'e', now, s.attempt, s.crashes, s.worker, s.started, '')
end
