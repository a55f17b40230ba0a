-- push_one: takes a lone plain job in. What is not so simple is left to the push of any jobs, which stands behind it in the same step.
--
-- KEYS   shared base, base of the queue
-- ARGV   sender, slot (# and its number), sequence and 1 more, lane, id, body; then, both or none: time (empty for the server's own),
--        profile (empty if the sender has seen the lane stand for it in this queue: then it is not compared again)
-- Reply  as for push; L if no profile was given and the lane is not known here: nothing was done
-- Cost   6 commands, 1 more with a profile, 2 if nothing waited in the lane, 2 if somebody waits for jobs; what push costs and 5 more
--        if somebody listens, the job is kept already, its lane is new or its queue has limits that make room
local before
do
  -- No function is made before this is over, and nothing is asked twice: that is most of what a lone job costs.
  local call, S, Q, at, profile = redis.call, KEYS[1], KEYS[2], ARGV[7], ARGV[8]
  local notes, slot, sequence, lane, id, body = S .. 'R' .. ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
  if at == '' then at = nil end
  if profile == '' then profile = nil end
  local own = profile and call('HGET', Q .. 'meta', lane)
  -- Push refuses a lane that stands for another profile. Such a call is not noted as carried out.
  if not own or own == profile then
    -- The sequences of a sender's latest lone pushes stand in one string: one command notes a call and tells whether it was noted. This
    -- comes before anything that may change between a call and its repetition.
    before = call('BITFIELD', notes, 'SET', 'i64', slot, sequence)[1]
    if before == tonumber(sequence) then
      local known, mark = call('HGET', S .. 'r' .. ARGV[1], slot) or '', sequence .. ':'
      return string.sub(known, 1, #mark) == mark and string.sub(known, #mark + 1) or ''
    end
    -- Kept for as long as its sender sends: it is renewed once every 64 calls.
    if before == 0 or slot == '#0' then call('PEXPIRE', notes, 86400000) end
  end
  if own == profile and call('EXISTS', S .. 'ears', Q .. 'wait') == 0 then
    -- The number of the job, and above it what there is to see to: see `marks`.
    local number, line = call('INCR', Q .. 'n'), Q .. 'w' .. lane
    if number < 562949953421312 then
      if not at then
        local t = call('TIME')
        at = t[1] * 1000000 + t[2]
      end
      if call('HSETNX', Q .. 'jobs', id, struct.pack('>I5I7', number, at) .. body) == 1 then
        -- A lane in which jobs wait is known, and on the list of those that have some.
        local is_first = call('RPUSH', line, id) == 1
        if not is_first or own or call('HEXISTS', Q .. 'meta', lane) == 1 then
          if is_first then call('ZADD', Q .. 'ready', tonumber(string.sub(lane, 1, 2), 16), 'w' .. lane) end
          if number >= 281474976710656 then
            call('INCRBY', Q .. 'n', '-281474976710656')
            call('PUBLISH', Q .. 'wake', '')
          end
          return ''
        end
        call('LPOP', line)
        call('HDEL', Q .. 'jobs', id)
      end
    end
    call('INCRBY', Q .. 'n', '-1')
  end
end
local profile = ARGV[8] ~= '' and ARGV[8] or redis.call('HGET', KEYS[2] .. 'meta', ARGV[4])
if not profile then
  redis.call('BITFIELD', KEYS[1] .. 'R' .. ARGV[1], 'SET', 'i64', ARGV[2], string.format('%.0f', before))
  return 'L'
end
local recall, mark = KEYS[1] .. 'r' .. ARGV[1], ARGV[3] .. ':'
local ARGV = { ARGV[7] or '', ARGV[1], ARGV[3], ARGV[2], '1', '2', ARGV[4], profile, 'p', '1', ARGV[5], ARGV[6] }
