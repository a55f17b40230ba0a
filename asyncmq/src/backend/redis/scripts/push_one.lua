-- push_one: takes a lone plain job in. What is not so simple is left to the push of any jobs, which stands behind it in the same step.
--
-- KEYS   shared base, base of the queue
-- ARGV   time, sender, sequence and 1 more, slot (# and its number), lane, profile, id, body
-- Reply  as for push
-- Cost   7 commands, 2 more if somebody waits for jobs; what push costs and 3 more if somebody listens, the job is kept already, its
--        lane is new or its queue has limits that make room
do
  -- No function is made before this is over, and nothing is asked twice: that is most of what a lone job costs.
  local call, S, Q = redis.call, KEYS[1], KEYS[2]
  local at, sender, sequence, slot, lane, profile, id, body = unpack(ARGV)
  local meta = Q .. 'meta'
  local own = call('HMGET', meta, lane, 'i', 'o')
  -- Push refuses a lane that stands for another profile. Such a call is not noted as carried out.
  if not own[1] or own[1] == profile then
    -- The sequences of a sender's latest lone pushes stand in one string: one command notes a call and tells whether it was noted. This
    -- comes before anything that may change between a call and its repetition.
    local before = call('BITFIELD', S .. 'R' .. sender, 'SET', 'i64', slot, sequence)[1]
    if before == tonumber(sequence) then
      local known, mark = call('HGET', S .. 'r' .. sender, slot) or '', sequence .. ':'
      return string.sub(known, 1, #mark) == mark and string.sub(known, #mark + 1) or ''
    end
    -- Kept for as long as its sender sends: it is renewed once every 64 calls.
    if before == 0 or slot == '#0' then call('PEXPIRE', S .. 'R' .. sender, 86400000) end
  end
  if own[1] == profile and not own[3] and call('EXISTS', S .. 'ears', Q .. 'wait') == 0 then
    if at == '' then
      local t = call('TIME')
      at = t[1] * 1000000 + t[2]
    end
    local number = call('HINCRBY', meta, 'b', 1)
    if call('HSETNX', Q .. 'jobs', id, struct.pack('>I5I7', number, at) .. body) == 1 then
      local line = 'w' .. lane
      if call('RPUSH', Q .. line, id) == 1 then call('ZADD', Q .. 'ready', tonumber(string.sub(lane, 1, 2), 16), line) end
      if own[2] and call('HDEL', meta, 'i') == 1 then call('PUBLISH', Q .. 'wake', '') end
      return ''
    end
    call('HINCRBY', meta, 'b', -1)
  end
end
local recall, mark = KEYS[1] .. 'r' .. ARGV[2], ARGV[3] .. ':'
local ARGV = { ARGV[1], ARGV[2], ARGV[3], ARGV[4], '1', '2', ARGV[5], ARGV[6], 'p', '1', ARGV[7], ARGV[8] }
