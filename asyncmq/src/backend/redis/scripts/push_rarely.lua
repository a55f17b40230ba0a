local now = time()
-- What a side record ends with as long as the job was in nobody's hand.
local UNTOUCHED = pack('>I8c16c8B', 0, NOBODY, NOBODY8, 0)
local UNTOUCHED_KEYED = pack('>I8c16c8B', 0, NOBODY, NOBODY8, KEYED)
-- Writes down a job's times: due time, delay and time to live stand from `i` on. Tells whether it waits from now on.
local waits_from_now
local function waits(id, record, i, times, is_keyed)
  local n = #times.side
  if ARGV[i] == 'n' and ARGV[i + 2] == '0' then
    waits_from_now = waits_from_now or pack('>c1I8I8I8I8', 'w', 0, now, 0, 0)
    times.side[n + 1] = id
    times.side[n + 2] = waits_from_now .. seq_of(record) .. (is_keyed and UNTOUCHED_KEYED or UNTOUCHED)
    return true
  end
  local due, value, ttl = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
  local side, delayed, mortal = times.side, times.delayed, times.mortal
  local run_at = due == 'd' and now + value or due == 'a' and math.max(now, value) or now
  local expires, seq = ttl > 0 and run_at + ttl - 1 or 0, seq_of(record)
  local state = now < run_at and 'd' or 'w'
  side[n + 1] = id
  side[n + 2] = pack('>c1I8I8I8I8', state, 0, run_at, expires, ttl) .. seq .. (is_keyed and UNTOUCHED_KEYED or UNTOUCHED)
  if ttl > 0 then
    mortal[#mortal + 1] = expires
    mortal[#mortal + 1] = id
  end
  if state == 'w' then return true end
  delayed[#delayed + 1] = run_at
  delayed[#delayed + 1] = seq .. id
end
local function make_room_in(Q, lines)
  return rarer()(Q, lines)
end
return { take_all_keyed = take_all_keyed, waits = waits, make_room_in = make_room_in, with_side = with_side, noisy = noisy, emit = emit,
  publish = publish, sealed = kin.sealed, renumbered = renumbered, NOBODY = NOBODY }
end
