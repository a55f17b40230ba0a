local now = time()
-- Writes down a job's times: due time, delay and time to live stand from `i` on. Tells whether it waits from now on.
local function waits(id, record, i, times)
  local due, value, ttl = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
  local s, side, delayed, mortal = plain_side(record), times.side, times.delayed, times.mortal
  s.run_at = due == 'd' and now + value or due == 'a' and math.max(now, value) or now
  s.state = now < s.run_at and 'd' or 'w'
  s.expires = ttl > 0 and s.run_at + ttl - 1 or 0
  s.ttl = ttl
  side[#side + 1], side[#side + 2] = id, packed(s)
  if ttl > 0 then mortal[#mortal + 1], mortal[#mortal + 2] = s.expires, id end
  if s.state == 'w' then return true end
  delayed[#delayed + 1], delayed[#delayed + 2] = s.run_at, delayed_member(s, id)
end
return { waits = waits, noisy = noisy, emit = emit, begin = begin, wake = wake, publish = publish, NOBODY = NOBODY }
end
