-- order: what people order about one job.
--
-- KEYS   shared base, base of the queue
-- ARGV   time, order (cancel, retry, remove, promote), id, for cancel 0 or 1 and the reason
-- Reply  done, requested, missing, or refused and the state's letter
-- Cost   about 11 commands
local now, Q, what, id = time(), KEYS[2], ARGV[2], ARGV[3]
local rec = call('HGET', Q .. 'jobs', id)
if not rec then return { 'missing' } end
local s, act, done = side_of(Q, id, rec), call('HGET', Q .. 'active', id), call('HGET', Q .. 'done', id)
local state = done and sub(done, 1, 1) or act and 'a' or s.state

local function cancel()
  if state == 'a' then
    call('HSET', Q .. 'cancel', id, ARGV[4] .. ARGV[5])
    call('PUBLISH', S .. 'to' .. sub(act, 1, 16), sub(act, 24, 31) .. id)
    return { 'requested' }
  end
  if done then return { 'refused', state } end
  displace(Q, id, rec, s)
  call_off(Q, id, rec, s, ARGV[4], ARGV[5], now)
  return { 'done' }
end

local function unretire()
  if call('ZREM', Q .. list_of_pinned(state), id) == 1 then
    call('ZREM', Q .. 'zu', id)
  elseif state == 'c' then
    bury(Q, 'lc', id)
  else
    call('ZREM', Q .. 'z' .. state, id)
  end
  call('HDEL', Q .. 'done', id)
end

local function wait_behind()
  s.state, s.seq = 'w', fresh_batch(Q) .. '\0\0'
  note_end(Q, id, s)
  write_side(Q, id, rec, s)
  append(Q, line_of(rec, s.suspect), id)
  wake(Q)
end

-- A job that begins anew holds its key again, unless another one does.
local function own_if_free()
  local note = call('HGET', Q .. 'keyed', id)
  local k = note and read_key(Q, key_in(note))
  if not note or k and holds(k, now) then return end
  local profile = call('HGET', Q .. 'meta', sub(rec, 15, 23))
  own(Q, id, note, task_of(profile), k, '', now)
end

local function retry()
  if not done or state == 'c' then return { 'refused', state } end
  unretire()
  call('HDEL', Q .. 'more', 'p' .. id)
  s.attempt, s.crashes, s.started, s.run_at, s.ghost, s.charged = 0, 0, 0, now, NOBODY8, 0
  s.worker, s.suspect = sub(done, 17, 32), false
  s.expires = s.ttl > 0 and now + s.ttl - 1 or 0
  if s.is_kin then
    s.state, s.seq = 'b', fresh_batch(Q) .. '\0\0'
    call('ZADD', Q .. 'blocked', number(s.seq), id)
    write_side(Q, id, rec, s)
  else
    wait_behind()
  end
  if s.is_keyed then own_if_free() end
  emit(Q, 1, id, rec, 0, s.worker, now, '-', '')
  -- A job that begins anew looks at its parents once more.
  if s.is_kin then kin.link(Q, id, rec, s, call('HGET', Q .. 'f:' .. id, 'p'), now) end
  return { 'done' }
end

local function remove()
  if state == 'a' then return { 'refused', state } end
  if not done and s.is_keyed then free_key(Q, id, now) end
  if not done then tell_children(Q, id, nil, '', now) end
  if done then unretire() else displace(Q, id, rec, s) end
  purge(Q, { id })
  return { 'done' }
end

local function promote()
  if state ~= 'd' then return { 'refused', state } end
  displace(Q, id, rec, s)
  s.run_at = now
  if s.expires > 0 then s.expires = s.ttl > 0 and now + s.ttl - 1 or 0 end
  wait_behind()
  return { 'done' }
end

local orders = { cancel = cancel, retry = retry, remove = remove, promote = promote }
local answer = orders[what]()
publish()
return kin.sealed(answer)
