local now = time()
-- Takes in a job that has a due time, a time to live, or other options of its own; `i` is where its times stand.
local function special(Q, lane, id, record, i)
  local due, value, ttl = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
  local s = plain_side(record)
  s.run_at = due == 'd' and now + value or due == 'a' and math.max(now, value) or now
  s.state = now < s.run_at and 'd' or 'w'
  s.expires = ttl > 0 and s.run_at + ttl - 1 or 0
  s.ttl = ttl
  call('HSET', Q .. 'jobs', id, record)
  write_side(Q, id, s)
  note_end(Q, id, s)
  if s.state == 'd' then
    call('ZADD', Q .. 'delayed', s.run_at, delayed_member(s, id))
  else
    append(Q, 'w' .. lane, id)
  end
  emit(Q, 1, id, record, 0, NOBODY, now, '-', '')
end
return { special = special, append = append, emit = emit, begin = begin, wake = wake, publish = publish, NOBODY = NOBODY }
end
