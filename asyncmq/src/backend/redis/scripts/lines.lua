-- The waiting lists: one per lane, in the order of the entries' numbers. An entry is its number (7 bytes) and the id.
local function number(entry)
  local batch, place = unpick('>I5I2', entry)
  return batch * 65536 + place
end
local function fresh_batch(Q)
  return pack('>I5', call('HINCRBY', Q .. 'meta', 'b', 1))
end
local function is_ready(Q, line)
  call('ZADD', Q .. 'ready', tonumber(sub(line, 2, 3), 16), line)
end
local function line_of(rec, crashes)
  return (crashes > 0 and 's' or 'w') .. sub(rec, 15, 23)
end
-- Lets a job wait behind the others.
local function append(Q, line, entry)
  if call('RPUSH', Q .. line, entry) == 1 then is_ready(Q, line) end
end
-- Lets a job wait where its number belongs: near the front, as it was taken from there.
local function put_back(Q, line, entry)
  local key, mine = Q .. line, number(entry)
  local head, tail = call('LINDEX', key, 0), call('LINDEX', key, -1)
  if not head or mine < number(head) then
    call('LPUSH', key, entry)
  elseif number(tail) < mine then
    call('RPUSH', key, entry)
  else
    local at, pivot = 0, nil
    while not pivot and at < 8192 do
      local chunk = call('LRANGE', key, at, at + 255)
      for i = 1, #chunk do
        if mine < number(chunk[i]) then pivot = chunk[i] break end
      end
      tail = chunk[#chunk] or tail
      at = at + 256
    end
    call('LINSERT', key, pivot and 'BEFORE' or 'AFTER', pivot or tail, entry)
  end
  is_ready(Q, line)
end
-- Takes a job out of its list: for good near the ends, else by a tombstone that the claim passes over.
local function bury(Q, line, entry)
  local key = Q .. line
  if call('LPOS', key, entry, 'MAXLEN', 1000) then
    call('LREM', key, 1, entry)
  elseif call('LPOS', key, entry, 'RANK', -1, 'MAXLEN', 1000) then
    call('LREM', key, -1, entry)
  else
    call('SADD', Q .. 'tombs', entry)
  end
end
-- Takes note of when the time to live ends of a job that has not started yet.
local function note_end(Q, id, s)
  if s.expires > 0 and s.attempt == 0 and s.crashes == 0 then call('ZADD', Q .. 'mortal', s.expires, id) end
end
-- Takes a waiting job out of its list so that it may come back to its place.
local function withdraw(Q, id, rec, s)
  call('LREM', Q .. line_of(rec, s.crashes), 1, s.seq .. id)
  if s.expires > 0 then call('ZREM', Q .. 'mortal', id) end
end
local function delayed_member(s, id)
  return s.seq .. id
end
-- Takes a waiting or delayed job out of where it would be found.
local function displace(Q, id, rec, s)
  if s.state == 'd' then
    call('ZREM', Q .. 'delayed', delayed_member(s, id))
  else
    bury(Q, line_of(rec, s.crashes), s.seq .. id)
  end
  if s.expires > 0 then call('ZREM', Q .. 'mortal', id) end
end
