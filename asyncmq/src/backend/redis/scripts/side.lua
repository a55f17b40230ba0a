-- The side record of a job that is not plain: where it stands and what it went through. Its time to live has 1 added, so
-- that 0 is none. The high bit of its crashes tells that it lives its last life: a suspect; the second bit of what it was
-- charged that it has a deduplication key, the third that it waits, or waited, for others.
local SIDE = '>c1I4I4I8I8I8c7I8c16c8B'
local SUSPECT = 2147483648
local KEYED = 2
local KIN = 4
local NOBODY8 = string.rep('\0', 8)
local function read_side(bytes)
  local s = {}
  s.state, s.attempt, s.crashes, s.run_at, s.expires, s.ttl, s.seq, s.started, s.worker, s.ghost, s.charged =
    unpick(SIDE, bytes)
  s.suspect = s.crashes >= SUSPECT
  if s.suspect then s.crashes = s.crashes - SUSPECT end
  s.is_kin = s.charged >= KIN
  if s.is_kin then s.charged = s.charged - KIN end
  s.is_keyed = s.charged >= KEYED
  if s.is_keyed then s.charged = s.charged - KEYED end
  return s
end
local function packed(s)
  local crashes = s.crashes + (s.suspect and SUSPECT or 0)
  local charged = s.charged + (s.is_keyed and KEYED or 0) + (s.is_kin and KIN or 0)
  return pack(SIDE, s.state, s.attempt, crashes, s.run_at, s.expires, s.ttl, s.seq, s.started, s.worker, s.ghost, charged)
end
-- Returns the first bytes of a record, batch and time, with the note that the job has a side record.
local function with_side(head)
  return sub(head, 1, 5) .. string.char(byte(head, 6) % 128 + 128) .. sub(head, 7)
end
local function write_side(Q, id, rec, s)
  if call('HSET', Q .. 'side', id, packed(s)) == 1 and #rec <= LONG then
    call('HSET', Q .. 'jobs', id, with_side(rec))
  end
  -- From now on there may be something to forget of jobs that waited for others.
  if s.is_kin then call('HSET', Q .. 'meta', 'f', 1) end
end
-- Returns how a job stands that never needed a side record.
local function plain_side(rec)
  local time = string.char(byte(rec, 6) % 128) .. sub(rec, 7, 12)
  return { state = 'w', attempt = 0, crashes = 0, run_at = unpick('>I7', time), expires = 0, ttl = 0,
    seq = sub(rec, 1, 5) .. sub(rec, 13, 14), started = 0, worker = string.rep('\0', 16), ghost = NOBODY8, charged = 0 }
end
-- Forgets the side records of jobs and whatever is noted of them: in `more` e failures, l lines, p progress; in `keyed` deduplication keys.
local function erase_notes(Q, ids)
  if call('HDEL', Q .. 'side', unpack(ids)) == 0 then return end
  call('HDEL', Q .. 'keyed', unpack(ids))
  for _, kind in ipairs(call('EXISTS', Q .. 'more') == 1 and { 'e', 'l', 'p' } or {}) do
    local fields = {}
    for i = 1, #ids do fields[i] = kind .. ids[i] end
    call('HDEL', Q .. 'more', unpack(fields))
  end
  -- What they had to do with those that they waited for, if jobs of this queue ever waited for others.
  local has = call('HMGET', Q .. 'meta', 'f', 'k')
  if not has[1] then return end
  local families = {}
  for i = 1, #ids do
    -- What one pinned is let go of by a duty.
    if has[2] and call('HEXISTS', Q .. 'f:' .. ids[i], 'm') == 1 then
      local number = call('HINCRBY', Q .. 'meta', 't', 1)
      call('RENAME', Q .. 'f:' .. ids[i], Q .. 'u:' .. number)
      call('RPUSH', Q .. 'unpinned', number)
    end
    families[2 * i - 1], families[2 * i] = Q .. 'f:' .. ids[i], Q .. 'i:' .. ids[i]
  end
  call('UNLINK', unpack(families))
end
-- Returns a job's number (7 bytes), given its record and its side record; nothing if it is gone.
local function seq_of(rec, side)
  if side then return sub(side, 34, 40) end
  return rec and sub(rec, 1, 5) .. sub(rec, 13, 14)
end
local function side_of(Q, id, rec)
  local bytes = call('HGET', Q .. 'side', id)
  return bytes and read_side(bytes) or plain_side(rec), bytes
end
