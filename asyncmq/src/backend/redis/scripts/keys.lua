-- Who holds a deduplication key, and how a key is freed.
local function unpacked_key(bytes)
  local live, ends, next_id, id, task = unpick(KEY, bytes)
  return { live = live == 1, ends = ends, next = next_id, id = id, task = task }
end
local function packed_key(k)
  return pack(KEY, k.live and 1 or 0, k.ends, #k.next, k.next, #k.id, k.id, #k.task, k.task)
end
local function read_key(Q, key)
  local bytes = call('HGET', Q .. 'keys', key)
  return bytes and unpacked_key(bytes) or nil
end
-- Writes who holds a key; `ended` is the end of the window that it had before.
local function put_key(Q, key, k, ended)
  call('HSET', Q .. 'keys', key, packed_key(k))
  if k.ends > 0 then
    call('ZADD', Q .. 'windows', k.ends, key)
  elseif ended > 0 then
    call('ZREM', Q .. 'windows', key)
  end
end
local function drop_key(Q, key, k)
  call('HDEL', Q .. 'keys', key)
  if k.ends > 0 then call('ZREM', Q .. 'windows', key) end
end
-- Tells whether a key is held: by a window if there is one, else by an owner that has not ended.
local function holds(k, now)
  if k.next ~= '' then return true end
  if k.ends > 0 then return now < k.ends end
  return k.live
end
-- Makes a job the owner of its key, given what is noted of it, its task and who held the key before.
local function own(Q, id, note, task, before, next_id, now)
  local _, window, key = unpick(NOTE, note)
  local k = { live = true, ends = window > 0 and now + window or 0, next = next_id, id = id, task = task }
  put_key(Q, key, k, before and before.ends or 0)
end
-- Lets a job wait that was blocked, behind the others; one that this step took in, or let begin anew, at the place that it got by that.
local function unblock(Q, id, now, has_place)
  local rec = call('HGET', Q .. 'jobs', id)
  local s = side_of(Q, id, rec)
  call('ZREM', Q .. 'blocked', id)
  if not has_place then s.seq = fresh_batch(Q) .. '\0\0' end
  if now < s.run_at then
    s.state = 'd'
    call('ZADD', Q .. 'delayed', s.run_at, delayed_member(s, id))
  else
    s.state, s.run_at = 'w', now
    append(Q, line_of(rec, s.suspect), id)
  end
  note_end(Q, id, s)
  write_side(Q, id, rec, s)
  wake(Q)
  emit(Q, 9, id, rec, s.attempt, s.worker, now, '-', '')
end
-- Frees the key of a job that ends or is removed: whoever is blocked behind it is the owner from now on.
local function free_key(Q, id, now)
  local note = call('HGET', Q .. 'keyed', id)
  local key = note and key_in(note)
  local k = key and read_key(Q, key)
  if not k then return end
  if k.next == id then
    k.next = ''
    return put_key(Q, key, k, k.ends)
  end
  if not k.live or k.id ~= id then return end
  if k.next ~= '' then
    unblock(Q, k.next, now)
    return own(Q, k.next, call('HGET', Q .. 'keyed', k.next), k.task, k, '', now)
  end
  if k.ends <= now then return drop_key(Q, key, k) end
  k.live = false
  put_key(Q, key, k, k.ends)
end
