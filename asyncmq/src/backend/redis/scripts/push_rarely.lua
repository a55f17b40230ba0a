local now = time()
-- What a side record ends with as long as the job was in nobody's hand.
local UNTOUCHED = pack('>I8c16c8B', 0, NOBODY, NOBODY8, 0)
local UNTOUCHED_KEYED = pack('>I8c16c8B', 0, NOBODY, NOBODY8, KEYED)
-- Writes down a job's times: due time, delay and time to live stand from `i` on. Tells whether it waits from now on.
local function waits(id, record, i, times, is_keyed)
  local due, value, ttl = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
  local side, delayed, mortal = times.side, times.delayed, times.mortal
  local run_at = due == 'd' and now + value or due == 'a' and math.max(now, value) or now
  local expires, seq = ttl > 0 and run_at + ttl - 1 or 0, seq_of(record)
  local state = now < run_at and 'd' or 'w'
  side[#side + 1] = id
  side[#side + 1] = pack('>c1I8I8I8I8', state, 0, run_at, expires, ttl) .. seq .. (is_keyed and UNTOUCHED_KEYED or UNTOUCHED)
  if ttl > 0 then
    mortal[#mortal + 1] = expires
    mortal[#mortal + 1] = id
  end
  if state == 'w' then return true end
  delayed[#delayed + 1] = run_at
  delayed[#delayed + 1] = seq .. id
end
-- Lets jobs of a lane with keys wait, each in the list of its key. Returns the lists.
local function let_wait(Q, lane, ids, records)
  local by_key, order, keys, members, lines = {}, {}, {}, {}, {}
  for i = 1, #ids do
    local key = sub(records[i], 25, 24 + byte(records[i], 24))
    local known = by_key[key]
    if not known then
      by_key[key], order[#order + 1] = ids[i], key
    elseif type(known) == 'table' then
      known[#known + 1] = ids[i]
    else
      by_key[key] = { known, ids[i] }
    end
  end
  for i, key in ipairs(order) do
    local waiting, line, count, fresh = by_key[key], 'w' .. lane .. key, 1, nil
    if type(waiting) == 'table' then
      count, fresh = #waiting, call('RPUSH', Q .. line, unpack(waiting))
    else
      fresh = call('RPUSH', Q .. line, waiting)
    end
    if fresh == count then
      keys[#keys + 1] = key
      members[#keys] = lane .. 'w' .. key
    end
    lines[i] = line
  end
  if #keys > 0 then keys_are_ready(Q, 'W' .. lane, keys, members) end
  return lines
end
local function make_room_in(Q, lines)
  return rarer()(Q, lines)
end
return { take_all_keyed = take_all_keyed, waits = waits, let_wait = let_wait, make_room_in = make_room_in, with_side = with_side, noisy = noisy, emit = emit,
  begin = begin, wake = wake, publish = publish, sealed = kin.sealed, NOBODY = NOBODY }
end
